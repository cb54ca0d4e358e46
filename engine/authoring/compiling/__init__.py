"""Compiling: a checked directory becomes a bundle, and a bundle becomes the catalog that the decider uses."""
