"""YAML to bundle: the journey language, expressions, templates, the linter and the compiler. Made of files, gives
plain data.
"""
