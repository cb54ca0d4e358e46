"""Findings about files that cannot be read, are not valid YAML, or exceed a limit.

As in `findings.py`, each kind of finding is a class. `yaml_reader.py`, `directory_reader.py` and `validate.py` yield these
findings before any journey is checked. A file that is made to use up memory or time ends with one of these findings.
"""

from engine.authoring.findings.findings import Kind


class Unreadable(Kind):
    """This file cannot be read: {why}."""

    code = "DLG601"
    hint = "Journeys are regular files in UTF-8."


class TooLarge(Kind):
    """This file has {size} bytes; the limit is {limit}."""

    code = "DLG602"
    hint = "Split it: one file, one journey."


class NotYaml(Kind):
    """This is not YAML: {why}."""

    code = "DLG603"
    hint = "Mind the indentation, and put quotes around text that holds a colon, # or starts with a special character."


class ManyDocuments(Kind):
    """A second document starts here."""

    code = "DLG604"
    hint = "One file holds one document: put the rest into a file of its own."


class DuplicateKey(Kind):
    """The key `{key}` stands here for the second time; the first is in line {first}."""

    code = "DLG605"
    hint = "Keep one of them."


class CustomTag(Kind):
    """The tag `{tag}` is not taken."""

    code = "DLG606"
    hint = "Write plain YAML without tags."


class MergeKey(Kind):
    """The merge key `<<` is not part of YAML 1.2."""

    code = "DLG607"
    hint = "Write the keys out, or use an anchor for the whole value."


class TooDeep(Kind):
    """This is nested more than {limit} levels deep."""

    code = "DLG608"
    hint = "Steps after a branch continue for all arms: there is no need to nest them."


class TooManyNodes(Kind):
    """This file holds more than {limit} values, its anchors expanded."""

    code = "DLG609"
    hint = "Use fewer anchors, or split the file."


class LinkLeaves(Kind):
    """This link leads out of the directory."""

    code = "DLG610"
    hint = "Put the file itself here: a bundle holds all that it needs."


class NotAMapping(Kind):
    """This file should hold keys with values."""

    code = "DLG611"
    hint = "Start with `{first}:`."


class ComplexKey(Kind):
    """A key must be plain text."""

    code = "DLG612"
    hint = "Text that starts with {{ or [ needs quotes."


class FileName(Kind):
    """The name of this file is not <name>.<language>.yaml."""

    code = "DLG613"
    hint = "A template's name is made of a-z, 0-9 and -, its language is like id or en: cart-reminder.id.yaml."


class NothingHere(Kind):
    """There is no journey in this directory."""

    code = "DLG614"
    hint = "Give the directory that holds the journeys' .yaml files and policy.yaml."


class PassedOver(Kind):
    """This file is passed over."""

    code = "DLG615"
    severity = "warning"
    hint = "Journeys, policy and templates end in .yaml: rename it if it is one of them."


class TooManyPlaceholders(Kind):
    """This file holds more than {limit:,} placeholders and tags.

    The number of placeholders and tags in a file has a limit, because each of them makes every check of the file take longer.
    No real template comes near the limit.
    """

    code = "DLG616"
    hint = "Write what repeats as a loop: {{% for item in entry.data.items %}}."
