"""In which order a template's languages are tried."""

import pytest

from engine.core.model import definition
from engine.core.rules import language_fallback

POLICY = definition.Policy(
    language="id", languages={"jv": ("su", "id"), "en-GB": ("en-AU",), "su": ("jv",), "zh-Hant": ("zh-TW", "en")}
)


@pytest.mark.parametrize(
    ("wished", "expected"),
    [
        ("id", ["id"]),
        ("fr", ["fr", "id"]),
        ("jv", ["jv", "su", "id"]),
        ("jv-ID", ["jv-ID", "jv", "su", "id"]),
        ("en-US", ["en-US", "en", "id"]),
        ("en-GB", ["en-GB", "en-AU", "en", "id"]),
        ("zh-Hant-HK", ["zh-Hant-HK", "zh-Hant", "zh-TW", "zh", "en", "id"]),
        ("en_us", ["en_us", "en-US", "en", "id"]),
        ("EN", ["EN", "en", "id"]),
        ("in", ["in", "id"]),
        ("in_ID", ["in_ID", "id-ID", "id"]),
        ("de-x-sales", ["de-x-sales", "de", "id"]),
    ],
)
def test_the_wish_comes_first_and_the_policys_language_last(wished: str, expected: list[str]) -> None:
    """As written, then in its usual form, then by its written list, then without its last part (RFC 4647 section 3.4)."""
    assert list(language_fallback.order(wished, POLICY)) == expected


@pytest.mark.parametrize("wished", [None, 7, "", "Bahasa Indonesia", "e", "en-", ["en"], {"a": 1}, "en\n"])
def test_what_is_no_language_is_no_wish(wished: object) -> None:
    """Profiles hold what people typed: the policy's language is left."""
    assert language_fallback.order(wished, POLICY) == ("id",)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("EN-gb", "en-GB"), ("zh_hant_tw", "zh-Hant-TW"), ("ES-419", "es-419"), ("iw", "he"), ("de-X-AB", "de-x-ab")],
)
def test_a_tag_has_one_usual_form(tag: str, expected: str) -> None:
    """Language small, script with a capital, region in capitals; old codes are renamed (RFC 5646 section 2.1.1)."""
    assert language_fallback.canonical(tag) == expected
