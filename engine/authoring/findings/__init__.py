"""The kinds of findings that `dalang check` can report, each with a code, a message and a hint.

To add a finding, add a class in this folder, and report the finding from a check in `engine/authoring/lint`. Nothing in this
folder reads files or runs a check.
"""
