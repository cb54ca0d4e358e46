"""Files: reads a directory of YAML files into the models of `language`, and knows the line and column of every value.

Only the form of each file is checked here. The package `lint` checks whether the files make sense together.
"""
