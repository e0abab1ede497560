"""Reports and progress lines of another program: what is read of them is within bounds, and takes little time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright_worker.contract.progress_line import Progress, Stage, read_progress
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import ArtifactReport, Report, SourceReport, read_report
from shardwright_worker.contract.text import is_clean
from tests.property.report_strategies import NESTED, reports


def _fields(kind: type[Any]) -> list[str]:
    return [field.alias or name for name, field in kind.model_fields.items()]


def _object(kind: type[Any], **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with this type's fields, most of them odd."""
    return st.fixed_dictionaries({}, optional={name: parts.get(name, NESTED) | NESTED for name in _fields(kind)})


ODD_REPORTS = _object(Report, source=_object(SourceReport), artifact=_object(ArtifactReport), succeeded=st.booleans())


def _harmless(value: object) -> bool:
    """Whether the API server, a terminal and every reader of JSON take it."""
    match value:
        case bool() | None:
            return True
        case str():
            return is_clean(value)
        case int():
            return 0 <= value <= 2**53
        case float():
            return 0 <= value <= 1e9
        case list():
            return len(value) <= 64 and all(map(_harmless, value))
        case dict():
            return len(value) <= 64 and all(_harmless(name) and _harmless(each) for name, each in value.items())
    return False


def _spoiled(report: Report, changes: dict[str, Any]) -> dict[str, Any]:
    wire: dict[str, Any] = report.to_wire()
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = wire
        for parent in parents:
            inner = place.get(parent)
            place = inner if isinstance(inner, dict) else {}
        place[last] = value
    return wire


SPOTS = [
    *_fields(Report),
    *(f"source.{name}" for name in _fields(SourceReport)),
    *(f"artifact.{name}" for name in _fields(ArtifactReport)),
]


@given(ODD_REPORTS | st.builds(_spoiled, reports, st.dictionaries(st.sampled_from(SPOTS), NESTED, max_size=2)))
def test_what_is_read_of_a_strange_report_is_within_bounds(fields: dict[str, Any]) -> None:
    report = read_report(json.dumps(fields))
    if report is None:
        return
    assert _harmless(report.to_wire())
    assert report.succeeded == (report.reason == Reason.SUCCEEDED)
    assert report.succeeded or MEANINGS[report.reason].exit_code is not None
    assert read_report(report.to_text()) is not None


@given(_object(Progress, stage=st.sampled_from(Stage).map(str)))
def test_what_is_read_of_strange_progress_is_within_bounds(fields: dict[str, Any]) -> None:
    progress = read_progress(json.dumps({"shardwright": "progress", **fields}))
    assert progress is None or _harmless(progress.to_wire())


HEAD = '{"shardwright":"progress","stage":"Loading","succeeded":true,'


LONG = [
    "[" * 65536,
    '{"a":' * 13000,
    HEAD + '"x":' + "[" * 30000 + "]" * 30000 + "}",
    HEAD + '"rank":' + "9" * 65000 + "}",
    HEAD + '"bytesTotal":' + "9" * 65000 + "}",
    HEAD + '"x":1e' + "9" * 65000 + "}",
    HEAD + '"message":"' + "\\u001b" * 10000 + '"}',
    HEAD + '"message":"' + "\\ud800" * 10000 + '"}',
    HEAD + '"maintenance":{"pruned":{"removed":[' + ",".join('"x"' for _ in range(9000)) + "]}}}",
    HEAD + ",".join('"rank":1' for _ in range(7000)) + "}",
    HEAD + '"durationSeconds":{' + ",".join('"a":NaN' for _ in range(7000)) + "}}",
    HEAD + '"x":"' + "\ud800" * 60000 + '"}',
    HEAD + '"x":"\0\x1b' + "\n" * 60000,
    " " * 65536,
    "x" * 10_000_000,
]


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_any_text_is_read_in_a_moment(text: str) -> None:
    started = time.process_time()
    assert [one for one in (read_report(text), read_progress(text)) if one is None or _harmless(one.to_wire())]
    assert time.process_time() - started < 0.5


@given(st.text(st.characters(codec=None)) | st.text('{}[]":,-+.eE0123456789\\utrfnNaI'))
def test_reading_never_raises(text: str) -> None:
    for each in (text, HEAD + text, HEAD + text + "}"):
        read_report(each)
        read_progress(each)
