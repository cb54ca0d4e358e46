"""The pure core: it decides on inputs, folds facts into states and derives actions.

It does no I/O, reads no clock and uses nothing random. Besides itself it imports msgspec, and those modules of the standard
library that need no I/O, clock or chance.
"""
