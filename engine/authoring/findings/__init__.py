"""The kinds of findings that `dalang check` can report, each with a code, a message and a hint.

To add a finding, add a class in `hazards.py` (valid files that cause trouble) or in `findings.py` (files that cannot be used).
Report the finding from a check in `engine/authoring/lint`. CONTRIBUTING.md has all steps. Nothing in this
folder reads files or runs a check.
"""
