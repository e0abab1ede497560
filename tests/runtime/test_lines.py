"""What a watch says before kopf hears it: objects become news or are skipped, and no odd one ends a watch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.indexer import Cache
from shardwright_operator.kube.kinds import JOBS
from shardwright_operator.runtime.deltas import Seen
from shardwright_operator.runtime.watch_lines import Lines, Reader
from tests.runtime import raw


class Content:
    """A body in pieces of so many bytes."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size, self.own = data, size, "own"

    async def iter_chunked(self, _size: int) -> Any:
        for start in range(0, len(self.data), self.size):
            yield self.data[start : start + self.size]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_lines_stay_whole_however_they_come(size: int) -> None:
    lines = Lines(Content(b"one\n\ntwo\nhalf", size), bytes.upper)  # type: ignore[arg-type]
    assert b"".join([piece async for piece in lines.iter_chunked(10)]) == b"ONE\nTWO\nhalf"
    assert lines.own == "own"


def event(change: str, body: Any) -> bytes:
    return json.dumps({"type": change, "object": body}).encode()


@pytest.fixture
def reader() -> Reader:
    return Reader(JOBS, Cache().read, lambda *_: False)


def test_kopf_gets_no_more_than_who_an_object_is(reader: Reader) -> None:
    line = json.loads(reader.change(event("MODIFIED", raw.job())))
    assert line["type"] == "MODIFIED"
    assert set(line["object"]) == {"apiVersion", "kind", "metadata"}
    assert set(line["object"]["metadata"]) == {"namespace", "name", "uid", "resourceVersion"}
    news = reader.take("uid-of-model-prepare-1")
    assert isinstance(news, Seen)
    assert (news.key, news.entry is not None) == (Key("default", "model-prepare-1"), True)
    assert reader.take("uid-of-model-prepare-1") is None


def test_several_events_in_a_row_are_the_last_one(reader: Reader) -> None:
    for change, version in (("ADDED", 20), ("MODIFIED", 21), ("DELETED", 22)):
        reader.change(event(change, raw.job(version=version)))
    news = reader.take("uid-of-model-prepare-1")
    assert isinstance(news, Seen)
    assert news.entry is None


def test_an_odd_object_is_gone_all_the_same_when_it_is_deleted(reader: Reader) -> None:
    reader.change(event("DELETED", {**raw.job(), "status": [1]}))
    assert reader.take("uid-of-model-prepare-1") is not None


def test_what_is_known_or_odd_only_moves_the_watch_on() -> None:
    known = Reader(JOBS, Cache().read, lambda *_: True)
    lines = [known.change(event("MODIFIED", raw.job(version=77)))]
    lines.append(
        Reader(JOBS, Cache().read, lambda *_: False).change(event("ADDED", {**raw.job(version=77), "status": 5}))
    )
    for line in lines:
        assert json.loads(line) == {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "77"}}}


@pytest.mark.parametrize("line", [b"<html>", b"[1]", b'{"type": "ERROR", "object": {"code": 410}}', b'{"type": "NEW"}'])
def test_what_is_no_event_stays_as_it_is(reader: Reader, line: bytes) -> None:
    assert reader.change(line) == line
