"""Generators of documentation in Markdown: the reference of the language, and the page of each finding of `dalang check`."""
