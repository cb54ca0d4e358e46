"""Every error has a code of its own, a sentence, and says what to do."""

import importlib
import inspect
import pkgutil

import engine
from engine.authoring.findings import findings
from engine.core import errors

for module in pkgutil.walk_packages(engine.__path__, "engine."):
    importlib.import_module(module.name)


def below(kind: type[errors.DalangError]) -> list[type[errors.DalangError]]:
    return [each for child in kind.__subclasses__() for each in (child, *below(child))]


ERRORS = below(errors.DalangError)


def test_every_error_has_a_code_of_its_own() -> None:
    """Two errors never share a code, so that a search for it ends in one place."""
    codes = [vars(each)["code"] for each in ERRORS if "code" in vars(each)]
    assert len(codes) == len(set(codes)) > 15


def test_every_error_has_a_sentence() -> None:
    """The docstring is the default message, so none ships without."""
    silent = [each.__name__ for each in ERRORS if not (inspect.getdoc(each) or "").rstrip().endswith(".")]
    assert silent == []


def test_every_error_of_a_user_says_what_to_do() -> None:
    """An error that stops a command carries a hint; a malformed record carries its reason instead."""
    default = errors.DalangError.hint
    mute = [each.__name__ for each in ERRORS if each.hint == default and not getattr(each, "reason", "")]
    assert mute == []


def test_every_kind_of_finding_has_a_code_of_its_own() -> None:
    """As errors do."""
    kinds = findings.kinds()
    assert len({each.code for each in kinds}) == len(kinds) > 20
