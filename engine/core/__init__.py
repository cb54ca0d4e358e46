"""The core of the engine: it computes decisions from inputs, folds facts into customer states, and derives actions.

The core does no I/O, reads no clock and draws no random numbers. It imports only its own modules, msgspec, and modules of the
standard library that need no I/O, clock or random numbers.
"""
