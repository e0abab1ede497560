"""There is one version of Shardwright: every file that names it agrees with pyproject.toml."""

from __future__ import annotations

import pytest

from tools.versions import PLACES, current, stale, updated


def test_every_file_has_the_version_of_the_project() -> None:
    assert stale() == [], "run `make generate`"


@pytest.mark.parametrize("name", PLACES)
def test_another_version_is_written_everywhere(name: str) -> None:
    text = updated(name, "12.34.56")
    assert "12.34.56" in text
    assert text.replace("12.34.56", current()) == updated(name, current())
