"""Generators of documentation: the reference of the language and the page of each finding."""
