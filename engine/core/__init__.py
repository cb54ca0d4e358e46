"""The pure core: it decides on inputs, folds facts into states and derives actions.

It does no I/O, reads no clock and uses nothing random. It imports only msgspec, itself, and modules of the standard library that
need no I/O, clock or chance.
"""
