"""Files: a directory of YAML read into the models of `language`, with the line and column of every value.

Nothing here judges whether well-formed files make sense together; that is `lint`.
"""
