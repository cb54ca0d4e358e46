"""Generators of documentation: the reference of the language, the page of each finding, and tables in Markdown."""
