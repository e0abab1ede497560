"""Overlapping output folders are found without a comparison of each with each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.folder_index import FolderIndex

_PATHS = st.lists(st.sampled_from("abc"), max_size=4).map("/".join)


@given(st.lists(_PATHS, min_size=1, max_size=8), st.data())
def test_overlaps_are_those_that_a_comparison_of_each_with_each_finds(paths: list[str], data: st.DataObject) -> None:
    folders, there = FolderIndex(), {}
    for number, path in enumerate(paths):
        folders.add(Key("ns", str(number)), "claim", path)
        folders.add(Key("other", str(number)), "claim", path)
        there[Key("ns", str(number))] = path
    for key in data.draw(st.lists(st.sampled_from(sorted(there)), unique=True, max_size=len(there) - 1)):
        folders.remove(key, "claim", there.pop(key))
    for key, path in there.items():
        mine = [part for part in path.split("/") if part]
        expected = set()
        for other, theirs in there.items():
            parts = [part for part in theirs.split("/") if part]
            shared = min(len(parts), len(mine))
            if other != key and parts[:shared] == mine[:shared]:
                expected.add(other)
        assert folders.overlapping(key, "claim", path) == expected
