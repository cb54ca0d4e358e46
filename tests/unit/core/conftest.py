"""Stories for the tests of the core."""

import pathlib
from collections.abc import Callable

import pytest

from tests.unit.core import story


@pytest.fixture
def tell(tmp_path: pathlib.Path) -> Callable[..., story.Story]:
    """`tell("...journey...", ...)`: a story over journeys, each the text after its head."""

    def telling(
        *journeys: str, purpose: str = "transactional", policy: str = story.POLICY, traits: str = "", **options: bool
    ) -> story.Story:
        texts = [story.written(f"journey-{i}", text, purpose) for i, text in enumerate(journeys)]
        return story.Story(story.compiled(tmp_path, *texts, policy=policy, traits=traits), **options)

    return telling
