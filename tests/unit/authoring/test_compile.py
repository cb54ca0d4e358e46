import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from engine.authoring.compiling import catalogs
from engine.authoring.compiling import compile as compiler
from engine.core import errors
from engine.core.model import definition

NESTED = """\
  - id: first
    branch:
      - if: profile.vip
        then:
          - {id: vip, wait: 1m}
          - id: deeper
            branch:
              - {if: profile.a, then: []}
              - else: [{id: other, wait: 1m}]
      - {if: profile.b, then: []}
  - id: pause
    wait:
      for:
        - {event: a, then: [{id: on-a, wait: 1m}]}
        - {event: b, when: event.data.x == 1}
        - {event: c, then: [{id: on-c, exit: done}]}
      timeout: 1h
      on_timeout: [{id: late, wait: 1m}]
      since: previous_send
  - {id: last, wait: 2h, restart_on: cart.updated}
"""


def bundle_of(shop: Any) -> definition.Bundle:
    result = compiler.compile_directory(shop.root)
    assert result.errors == ()
    assert result.bundle is not None
    return result.bundle


def test_nested_lists_go_on_at_what_follows_their_step(shop: Any) -> None:
    """Each step knows its next; an empty list goes on at once; the end of the file is None."""
    shop.steps(NESTED)
    steps = bundle_of(shop).journeys[0].steps
    expected = {"first": "pause", "vip": "deeper", "deeper": "pause", "other": "pause", "pause": "last"}
    expected |= {"on-a": "last", "on-c": "last", "late": "last"}
    assert {**expected, "last": None} == {id_: step.next for id_, step in steps.items()}
    first, deeper, pause = steps["first"], steps["deeper"], steps["pause"]
    assert isinstance(first, definition.Branch)
    assert isinstance(deeper, definition.Branch)
    assert isinstance(pause, definition.WaitEvents)
    assert [arm.goto for arm in first.arms] == ["vip", "pause"]
    assert [arm.goto for arm in deeper.arms] == ["pause", "other"]
    assert [awaited.goto for awaited in pause.awaited] == ["on-a", "last", "on-c"]
    assert (pause.on_timeout, pause.since, pause.timeout) == ("late", "previous_send", 3_600_000)


def test_steps_stand_in_the_order_of_the_file(shop: Any) -> None:
    """A nested step comes after the one that it stands in."""
    shop.steps(NESTED)
    expected = ["first", "vip", "deeper", "other", "pause", "on-a", "on-c", "late", "last"]
    assert expected == list(bundle_of(shop).journeys[0].steps)


def test_an_expression_knows_its_path_in_the_yaml(shop: Any) -> None:
    """By it the trace and the findings name the place; the names are those that it uses."""
    shop.steps(NESTED)
    bundle = bundle_of(shop)
    journey = bundle.journeys[0]
    pause, last = journey.steps["pause"], journey.steps["last"]
    assert isinstance(pause, definition.WaitEvents)
    assert isinstance(last, definition.WaitDuration)
    when = pause.awaited[1].trigger.when
    assert definition.Expression("event.data.x == 1", "steps[1].wait.for[1].when", ("event",)) == when
    assert definition.Trigger("cart.updated") == last.restart_on
    assert journey.steps["other"].path == "steps[0].branch[0].then[1].branch[1].else[0]"
    assert (journey.enter.when.path, journey.enter.key.path) == ("enter.when", "enter.key")  # type: ignore[union-attr]
    assert journey.exits[0].trigger.when.names == ("entry", "event")  # type: ignore[union-attr]
    assert journey.exits[0].trigger.when.path == "exit[0].when"  # type: ignore[union-attr]
    expected = definition.Expression("profile.phone", "policy.channels.sms.address", ("profile",))
    assert expected == bundle.policy.channels["sms"].address


def test_a_journey_holds_the_templates_that_it_names(shop: Any) -> None:
    """In every language, as written; others are not its business."""
    shop.write("templates/promo.id.yaml", "sms: {text: Promo}")
    shop.write("templates/reminder.en.yaml", "sms: {text: Hello}")
    journey = bundle_of(shop).journeys[0]
    assert list(journey.templates) == ["reminder"]
    assert list(journey.templates["reminder"]) == ["en", "id"]
    assert journey.templates["reminder"]["id"]["sms"] == {"text": "Halo {{ profile.name }}"}


def test_defaults_are_those_of_the_language(shop: Any) -> None:
    """What is not written: ignore, no expiry, the event's type as the reason of an exit."""
    shop.replace("cart.yaml", ", reason: bought", "")
    journey = bundle_of(shop).journeys[0]
    assert (journey.enter.while_active, journey.enter.max_age, journey.priority) == ("ignore", None, 0)
    assert journey.exits[0].reason == "order.placed"
    assert definition.Reentry("after", after=604_800_000) == journey.enter.reentry


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("never", definition.Reentry("never")),
        ("after_exit", definition.Reentry("after_exit")),
        ("{parallel: 3}", definition.Reentry("parallel", parallel=3)),
    ],
)
def test_reentry_has_four_forms(shop: Any, written: str, expected: definition.Reentry) -> None:
    """never, after_exit, a duration, a number."""
    shop.replace("cart.yaml", "{after: 7d}", written)
    assert expected == bundle_of(shop).journeys[0].enter.reentry


def version(shop: Any) -> str:
    return bundle_of(shop).journeys[0].version


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("cart.yaml", "45m", "46m"),
        ("cart.yaml", "status: live", "status: paused"),
        ("cart.yaml", "100000", "100001"),
        ("templates/reminder.id.yaml", "Halo", "Hai"),
        ("templates/reminder.id.yaml", "language: id", "language: id_ID"),
    ],
)
def test_a_version_changes_with_what_the_journey_does(shop: Any, name: str, old: str, new: str) -> None:
    """Its own text, and the templates that it names."""
    before = version(shop)
    shop.replace(name, old, new)
    assert before != version(shop)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("cart.yaml", "journey: cart", "# why\njourney:   'cart'"),
        ("cart.yaml", "wait: 45m", 'wait: "45m"'),
        ("policy.yaml", "cost: 250", "cost: 300"),
        ("templates/reminder.id.yaml", "sms:", "sms:   "),
    ],
)
def test_a_version_stays_with_the_same_meaning(shop: Any, name: str, old: str, new: str) -> None:
    """Comments, spelling and the policy are not a journey's; the bundle's id sees them, for it holds the sources."""
    before, id_ = version(shop), bundle_of(shop).id
    shop.replace(name, old, new)
    assert before == version(shop)
    assert id_ != bundle_of(shop).id


def test_the_order_of_steps_is_part_of_a_version(shop: Any) -> None:
    """Two arms changed about are another journey, though they hold the same steps."""
    arms = ["{if: profile.a, then: [{id: x, wait: 1m}]}", "{if: profile.b, then: [{id: y, wait: 1m}]}"]
    shop.steps(f"  - {{id: s, branch: [{', '.join(arms)}]}}\n")
    before = version(shop)
    shop.steps(f"  - {{id: s, branch: [{', '.join(reversed(arms))}]}}\n")
    assert before != version(shop)


def test_an_unused_template_is_in_no_version(shop: Any) -> None:
    """It is in the bundle's sources alone."""
    before = version(shop)
    shop.write("templates/promo.id.yaml", "sms: {text: Promo}")
    assert before == version(shop)
    assert "templates/promo.id.yaml" in bundle_of(shop).sources


def test_the_sources_are_what_was_read(shop: Any) -> None:
    """Paths relative to the directory; tests beside the journeys are passed over."""
    shop.write("cart.test.yaml", "whatever: [")
    assert list(bundle_of(shop).sources) == ["cart.yaml", "policy.yaml", "templates/reminder.id.yaml"]


def test_a_bundle_survives_the_topic(shop: Any) -> None:
    """Encoded and decoded it is the same, and decides by the same catalog."""
    shop.steps(NESTED)
    bundle = bundle_of(shop)
    again = msgspec.json.decode(msgspec.json.encode(bundle), type=definition.Bundle)
    assert bundle == again
    assert list(bundle.journeys[0].steps) == list(again.journeys[0].steps)
    assert catalogs.of(again).named == catalogs.of(bundle).named


def test_the_name_of_the_directory_and_the_order_of_files_do_not_matter(shop: Any, tmp_path: pathlib.Path) -> None:
    """A copy elsewhere, its files made in another order, has the same id."""
    shop.write("zebra.yaml", (shop.root / "cart.yaml").read_text().replace("journey: cart", "journey: another"))
    copy = tmp_path / "copy"
    for name in sorted(bundle_of(shop).sources, reverse=True):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shop.root / name, copy / name)
    result = compiler.compile_directory(copy)
    assert result.bundle == bundle_of(shop)
    assert [journey.name for journey in bundle_of(shop).journeys] == ["another", "cart"]


def test_a_bundle_is_the_same_under_every_hash_seed(shop: Any) -> None:
    """Ids do not depend on the run of Python."""
    program = (
        "import sys; from engine.authoring.compiling import compile as c; r = c.compile_directory(sys.argv[1]); "
        "import msgspec; print(msgspec.json.encode(r.bundle).decode())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program, str(shop.root)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(seen) == 1


def test_no_bundle_comes_of_an_error(shop: Any) -> None:
    """Errors stop it, and `load` raises them as one sentence; warnings do not."""
    shop.replace("policy.yaml", "{marketing: opt_in}", "{}")
    assert compiler.compile_directory(shop.root).bundle is not None
    assert catalogs.load(shop.root).bundle.journeys[0].name == "cart"
    shop.replace("cart.yaml", "wait: 45m", "wait: 45")
    assert compiler.compile_directory(shop.root).bundle is None
    with pytest.raises(errors.BundleError, match=r"cart\.yaml:14:11 DLG622"):
        catalogs.load(shop.root)


@pytest.mark.parametrize("make", ["nothing", "file", "empty"])
def test_a_place_without_journeys_is_a_finding(tmp_path: pathlib.Path, make: str) -> None:
    """A missing directory, a file, and a directory with nothing in it."""
    path = tmp_path / "journeys"
    if make == "file":
        path.write_text("")
    elif make == "empty":
        path.mkdir()
    result = compiler.compile_directory(path)
    assert (None, ["DLG614" if make == "empty" else "DLG601"]) == (result.bundle, [f.code for f in result.findings])


def test_earlier_bundles_keep_their_versions_alive(shop: Any) -> None:
    """A catalog finds the journeys of the live bundle and of those before it."""
    before = bundle_of(shop)
    shop.replace("cart.yaml", "45m", "1h")
    live = bundle_of(shop)
    catalog = catalogs.of(live, [before])
    assert before.journeys[0] == catalog.journey(before.journeys[0].version)
    assert live.journeys[0] == catalog.entries["cart.updated"][0]
    with pytest.raises(errors.BundleError):
        catalogs.of(live).journey(before.journeys[0].version)
