"""Files: a directory of YAML read into the models of `language`, with the line and column of every value.

This package checks each file by itself; `lint` checks whether the files make sense together.
"""
