"""The language: strict pydantic models of every YAML file that marketers write, one file for each kind.

The schemas, the reference page and the refusals all come from these models. Nothing here compiles, lints or reads files.
"""
