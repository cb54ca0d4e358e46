"""Findings: every problem that `dalang check` can report, with its code, its sentence and its place in a file.

To add a finding, add a class in this package, then report it from a check in `lint`. This package runs no checks.
"""
