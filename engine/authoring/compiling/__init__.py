"""Compiling: turns a directory of YAML files into a bundle, and a bundle into the catalog that the decider uses."""
