"""Folders on a volume are compared by where they lead."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shardwright_operator.api.output_folder import is_inside, normalized

_PARTS = st.lists(st.sampled_from(["a", "b", ".", "", "..", "c"]), max_size=6)


@given(_PARTS, _PARTS)
def test_paths_are_compared_by_where_they_lead(one: list[str], other: list[str]) -> None:
    path, folder = normalized("/".join(one)), normalized("/".join(other))
    assert normalized(path) == path
    there, above = [part for part in path.split("/") if part], [part for part in folder.split("/") if part]
    assert is_inside(path, folder) == (there[: len(above)] == above)
