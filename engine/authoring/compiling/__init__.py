"""Compiling: a directory that was read and checked becomes a bundle, and a bundle becomes a catalog to decide by."""
