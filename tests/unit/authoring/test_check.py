"""Every finding: the file that leads to it, at the right line and column; and the good directory that leads to none."""

import pathlib
import time

import pytest

from engine.authoring import compile as compiler
from engine.authoring import findings

GOOD = """\
journey: hello
owner: a@toko.example
purpose: transactional
status: live
enter:
  event: go
  when: event.data.n > 1
  reentry: never
steps:
  - id: ask
    send:
      template: hi
      channels:
        - {channel: sms}
"""
POLICY = """\
policy:
  consent: {transactional: implied}
  channels:
    sms: {address: profile.phone, reports: [accepted, delivered, failed]}
    whatsapp: {address: profile.phone, reports: [accepted, delivered, failed]}
"""
TEMPLATE = """\
sms: {text: "Halo {{ profile.name }}"}
whatsapp: {text: Halo}
"""


def directory(root: pathlib.Path, journey: str = GOOD, policy: str | None = POLICY, template: str = TEMPLATE) -> pathlib.Path:
    (root / "templates").mkdir(exist_ok=True)
    (root / "hello.yaml").write_text(journey)
    if policy is not None:
        (root / "policy.yaml").write_text(policy)
    (root / "templates" / "hi.id.yaml").write_text(template)
    return root


def found(root: pathlib.Path) -> list[str]:
    return [f"{each.file}:{each.line}:{each.column} {each.code}" for each in compiler.compile_directory(root).findings]


def test_a_good_directory_has_no_findings(tmp_path: pathlib.Path) -> None:
    """What is right stays quiet."""
    result = compiler.compile_directory(directory(tmp_path))
    assert result.findings == ()
    assert result.bundle is not None


def test_the_journeys_of_the_project_have_no_findings() -> None:
    """The journeys that Dalang ships with are right."""
    assert compiler.compile_directory(pathlib.Path(__file__).parents[3] / "journeys").findings == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("status: live", "status: alive", "hello.yaml:4:9 DLG122"),
        ("status: live\n", "", "hello.yaml:1:1 DLG121"),
        ("owner:", "owned:", "hello.yaml:1:1 DLG121"),
        ("owner: a@toko.example", "owner: a@toko.example\ncolour: red", "hello.yaml:3:1 DLG120"),
        ("purpose:", "goal: {}\npurpose:", "hello.yaml:3:1 DLG123"),
        ("journey: hello", "journey: Hello World", "hello.yaml:1:10 DLG124"),
        ("  event: go\n", "  event: go\n  event: gone\n", "hello.yaml:7:3 DLG112"),
        ("reentry: never", "reentry: {after: soon}", "hello.yaml:8:20 DLG122"),
        ("reentry: never", "reentry: {parallel: 0}", "hello.yaml:8:23 DLG122"),
        ("reentry: never", "reentry: {parallel: 2}\n  while_active: restart", "hello.yaml:9:3 DLG232"),
        ("event.data.n > 1", "event.datum.n > 1", "hello.yaml:7:15 DLG201"),
        ("event.data.n > 1", "event.data.n >", "hello.yaml:7:22 DLG201"),
        ("event.data.n > 1", "event.type", "hello.yaml:7:9 DLG201"),
        ("event.data.n > 1", "traits.orders > 1", "hello.yaml:7:9 DLG201"),
        ("event.data.n > 1", "entry.data.n > 1", "hello.yaml:7:9 DLG203"),
        ("event.data.n > 1", "profile.vip == true && consent.marketing.pigeon", "hello.yaml:7:50 DLG201"),
        ("event.data.n > 1", ">\n    event.data.n > 1 &&\n    event.datum.x == 1", "hello.yaml:9:11 DLG201"),
        ("event.data.n > 1", "|\n    event.data.n > 1 &&\n    event.datum.x == 1", "hello.yaml:9:11 DLG201"),
        ("event.data.n > 1", '"event.datum.n > 1"', "hello.yaml:7:16 DLG201"),
        ("event.data.n > 1", "steps.aks.outcome == 'reached'", "hello.yaml:7:9 DLG202"),
        ("template: hi", "template: bye", "hello.yaml:12:17 DLG210"),
        ("{channel: sms}", "{channel: smoke}", "hello.yaml:14:21 DLG220"),
        ("{channel: sms}", "{channel: sms, success: read, fallback_after: 1h}", "hello.yaml:14:35 DLG221"),
        ("{channel: sms}", "{channel: sms}\n        - {channel: whatsapp}", "hello.yaml:14:11 DLG222"),
        ("{channel: sms}", "{channel: sms, success: delivered}", "hello.yaml:14:11 DLG223"),
        ("{channel: sms}", "{channel: email}", "hello.yaml:14:21 DLG220"),
        ("  - id: ask", "  - {id: out, exit: done}\n  - id: ask", "hello.yaml:11:9 DLG231"),
        ("  - id: ask", "  - {id: ask, wait: 1h}\n  - id: ask", "hello.yaml:11:9 DLG230"),
        ("  - id: ask", "  - {id: ask, wait: 1h, exit: done}\n  - id: asked", "hello.yaml:10:5 DLG122"),
        ("  - id: ask", "  - {id: p, wait: {for: [{event: x}]}}\n  - id: ask", "hello.yaml:10:19 DLG121"),
        ("  - id: ask", "  - {id: p, split: {}}\n  - id: ask", "hello.yaml:10:13 DLG123"),
        ("owner: a@toko.example", "owner: !!python/object:os.system a", "hello.yaml:2:8 DLG113"),
        ("owner: a@toko.example", "<<: {owner: a}", "hello.yaml:2:1 DLG113"),
        ("owner: a@toko.example", "owner: [a", "hello.yaml:3:8 DLG111"),
        ("steps:", "---\nsteps:", "hello.yaml:10:1 DLG110"),
    ],
)
def test_what_is_wrong_in_a_journey_is_found_where_it_stands(tmp_path: pathlib.Path, old: str, new: str, expected: str) -> None:
    """Each defect is a finding with its code, at the line and column of what is wrong."""
    assert old in GOOD
    assert expected in found(directory(tmp_path, GOOD.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('sms: {text: "Halo {{ prfile.name }}"}\nwhatsapp: {text: a}', "templates/hi.id.yaml:1:22 DLG214"),
        ('sms: {text: "Halo {{ profile.name | shout }}"}\nwhatsapp: {text: a}', "templates/hi.id.yaml:1:37 DLG213"),
        ('sms: {text: "{% if %}"}\nwhatsapp: {text: a}', "templates/hi.id.yaml:1:17 DLG213"),
        ("sms: {text: a}\nwhatsapp: {text: a, template: b, language: id}", "templates/hi.id.yaml:2:11 DLG122"),
        ("whatsapp: {text: a}", "hello.yaml:12:17 DLG212"),
        ("pigeon: {text: a}", "templates/hi.id.yaml:1:1 DLG120"),
    ],
)
def test_what_is_wrong_in_a_template_is_found(tmp_path: pathlib.Path, template: str, expected: str) -> None:
    """A template is checked strictly: names, filters, syntax, and that it has what is sent."""
    assert expected in found(directory(tmp_path, template=template))


def test_a_template_without_the_policys_language_is_an_error(tmp_path: pathlib.Path) -> None:
    """Every template exists in the policy's language."""
    assert "templates/hi.id.yaml:1:1 DLG211" in found(directory(tmp_path, policy=POLICY + "  language: en\n"))


def test_a_directory_without_a_policy_says_so(tmp_path: pathlib.Path) -> None:
    """Without policy.yaml nothing can be sent."""
    assert found(directory(tmp_path, policy=None)) == ["policy.yaml:1:1 DLG241"]


def test_an_empty_or_missing_directory_says_so(tmp_path: pathlib.Path) -> None:
    """An empty directory has no journey, a missing one is no directory."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    assert found(tmp_path) == [".:1:1 DLG243"]
    assert [line.split()[-1] for line in found(tmp_path / "nowhere")] == ["DLG110"]


def test_a_purpose_without_a_rule_is_a_warning(tmp_path: pathlib.Path) -> None:
    """A purpose that the policy does not name is taken as opt_in, and that is said; a warning keeps nothing from working."""
    result = compiler.compile_directory(directory(tmp_path, policy=POLICY.replace("transactional", "marketing")))
    assert [(each.code, each.severity) for each in result.findings] == [("DLG242", "warning")]
    assert result.bundle is not None


def test_two_journeys_of_one_name_are_found(tmp_path: pathlib.Path) -> None:
    """Journey names are unique in a directory."""
    directory(tmp_path)
    (tmp_path / "later.yaml").write_text(GOOD)
    assert found(tmp_path) == ["later.yaml:1:10 DLG240"]


def test_all_findings_come_at_once(tmp_path: pathlib.Path) -> None:
    """Every finding of every file comes out together, ordered by file and line."""
    broken = GOOD.replace("live", "alive").replace("never", "sometimes").replace("sms", "smoke")
    told = found(directory(tmp_path, broken, template="sms: {text: '{{ bogus }}'}"))
    assert [line.split()[-1] for line in told] == ["DLG122", "DLG122", "DLG214"]


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xff\xfe",
        b"a: " + b"x" * 1_500_000,
        b"[" * 100_000,
        b"{a: " * 5_000,
        b"- " * 5_000 + b"x",
        b"a: &a [1,2,3,4,5,6,7,8,9]\n"
        + b"".join(b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % ((c, c) + (c - 1,) * 9) for c in range(98, 110)),
        b"a: &a\n  b: *a\n",
        b"? [a, b]\n: c\n",
        b"%YAML 9.9\n---\na: 1\n",
        b"a: !!binary x\n",
        b"\x00\x01\x02",
    ],
    ids=["not-utf8", "large", "brackets", "braces", "dashes", "bomb", "cycle", "complex-key", "version", "binary", "control"],
)
def test_hostile_files_are_refused_in_under_a_second(tmp_path: pathlib.Path, hostile: bytes) -> None:
    """Bombs, cycles, depth, size and other encodings are findings within a second, never a traceback."""
    directory(tmp_path)
    (tmp_path / "hostile.yaml").write_bytes(hostile)
    started = time.perf_counter()
    told = compiler.compile_directory(tmp_path).findings
    assert time.perf_counter() - started < 1
    assert {each.file for each in told} == {"hostile.yaml"}
    assert all(each.severity == "error" for each in told)


def test_a_link_that_leaves_the_directory_is_refused(tmp_path: pathlib.Path) -> None:
    """A journey file is in its directory."""
    outside = tmp_path / "outside.yaml"
    outside.write_text(GOOD)
    (tmp_path / "in").mkdir()
    directory(tmp_path / "in")
    (tmp_path / "in" / "link.yaml").symlink_to(outside)
    assert found(tmp_path / "in") == ["link.yaml:1:1 DLG110"]


def test_a_byte_order_mark_is_accepted(tmp_path: pathlib.Path) -> None:
    """Files are UTF-8; a BOM is accepted."""
    directory(tmp_path, "\ufeff" + GOOD)
    assert found(tmp_path) == []


def test_every_kind_has_a_sentence_and_says_what_to_do() -> None:
    """A finding's code is its own, its docstring is its sentence, and it has a hint."""
    kinds = findings.Kind.__subclasses__()
    codes = [kind.code for kind in kinds]
    assert sorted(set(codes)) == sorted(codes)
    assert all(kind.__doc__ and kind.hint for kind in kinds)


def test_files_of_tests_are_passed_over(tmp_path: pathlib.Path) -> None:
    """`*.test.yaml` beside the journeys are not journeys."""
    directory(tmp_path)
    (tmp_path / "hello.test.yaml").write_text("anything: goes")
    assert found(tmp_path) == []
