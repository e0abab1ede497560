"""Properties of the contract: what is written can be read, reports fit, keys depend on every input, secrets go."""

from __future__ import annotations

import json
import math
import re
import time
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.maintenance import MaintenanceReport, PruneReport
from shardwright_worker.contract.naming import artifact_key, is_key, stays_inside
from shardwright_worker.contract.progress_line import Progress, Stage, read_progress
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import LIMIT, ArtifactReport, Report, SourceReport, read_report
from shardwright_worker.contract.text import is_clean
from shardwright_worker.contract.verification_levels import LEVELS
from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS
from shardwright_worker.reporting.redaction import HIDDEN, redact

ANYTHING = st.text(st.characters(codec=None), max_size=6000)
COUNTS = st.integers(0, 2**53)
SECONDS = st.floats(0, 1e9)
PATHS = st.lists(st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20), max_size=6).map("/".join)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
KEYS = st.text("0123456789abcdef", min_size=16, max_size=16)
TIMES = st.datetimes(timezones=st.just(UTC)).map(lambda time: time.isoformat())
PLAIN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_/.", max_size=200)

sources = st.builds(
    lambda **fields: SourceReport(**fields),
    digest=DIGESTS,
    revision=PLAIN,
    path=PATHS,
    volume=st.sampled_from(["source", "output"]),
    bytes=COUNTS,
    files=COUNTS,
)
artifacts = st.builds(
    lambda **fields: ArtifactReport(**fields),
    key=KEYS,
    path=PATHS,
    manifest_digest=DIGESTS,
    bytes=COUNTS,
    files=COUNTS,
    vllm_version=PLAIN,
    accelerator=st.text(max_size=40),
    verified_by=st.sampled_from(LEVELS),
    source_revision=PLAIN,
    completed_at=TIMES,
)
WORKERS_REASONS = [reason for reason in Reason if MEANINGS[reason].exit_code is not None]
ENDS = st.just((True, Reason.SUCCEEDED, 0)) | st.sampled_from(WORKERS_REASONS).map(
    lambda reason: (False, reason, MEANINGS[reason].exit_code)
)
prunes = st.builds(
    PruneReport,
    kept=COUNTS,
    removed=st.lists(KEYS, max_size=40),
    in_use=st.lists(KEYS, max_size=40),
    freed_bytes=COUNTS,
    expired=st.booleans(),
)
maintenance = st.builds(
    MaintenanceReport, pruned=st.none() | prunes, damage=st.none() | ANYTHING, source_problem=st.none() | ANYTHING
)
reports = st.builds(
    lambda end, **fields: Report(succeeded=end[0], reason=end[1], exit_code=end[2], **fields),
    end=ENDS,
    stage=st.sampled_from(["Prepare", "Shard", "Check"]),
    key=st.just("") | KEYS,
    message=ANYTHING,
    error_type=st.none() | st.text(max_size=300),
    rank=st.none() | COUNTS,
    source=st.none() | sources,
    artifact=st.none() | artifacts,
    maintenance=maintenance,
    duration_seconds=st.dictionaries(PLAIN, SECONDS, max_size=6),
)
settings = st.builds(
    EngineSettings,
    tensor_parallel_size=st.integers(1, 64),
    pipeline_parallel_size=st.integers(1, 16),
    enable_expert_parallel=st.booleans(),
    dtype=st.sampled_from(["auto", "bfloat16", "float16"]),
    quantization=st.sampled_from(["", "fp8", "awq"]),
    trust_remote_code=st.booleans(),
    hf_overrides=st.just("") | st.dictionaries(st.text(max_size=5), st.integers(), max_size=3).map(json.dumps),
    extra_args=st.dictionaries(st.sampled_from(sorted(EXTRA_ARGUMENTS)), PLAIN, max_size=3),
)


@given(reports)
def test_a_report_fits_and_can_be_read(report: Report) -> None:
    text = report.to_text()
    assert len(text.encode()) <= LIMIT
    assert "\n" not in text
    read = read_report(text)
    assert read is not None
    assert (read.stage, read.succeeded, read.reason) == (report.stage, report.succeeded, report.reason)
    assert (read.exit_code, read.key, read.rank) == (report.exit_code, report.key, report.rank)
    assert (read.source, read.artifact) == (report.source, report.artifact)


@given(
    st.builds(
        Progress,
        stage=st.sampled_from(Stage),
        seconds=SECONDS,
        ranks_done=st.none() | COUNTS,
        ranks=st.none() | COUNTS,
        bytes_done=st.none() | COUNTS,
        bytes_total=st.none() | COUNTS,
    )
)
def test_progress_comes_back_from_its_line(progress: Progress) -> None:
    assert read_progress(progress.to_line()) == progress


@given(st.text())
def test_other_lines_are_neither_progress_nor_a_report(line: str) -> None:
    assert read_progress(line) is None
    assert read_report(line) is None


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**53, 2**53 + 1, 2**63, 1e400, -1e400, math.nan, -0.0, 1e308]),
    st.floats(),
    st.text(st.characters(codec=None), max_size=20),
    st.sampled_from(
        ["../x", "/x", "a//b", "\ud800", "\x1b[2J", "\u202e", "9999-12-31T23:59:59-23:59", "0" * 64, "0" * 16]
    ),
    st.sampled_from(["Load", "Succeeded", "Suspended", "SourceCorrupt", "Preparing", "Loading", "source", "progress"]),
)
NESTED = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


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


@given(settings, st.text("0123456789abcdef", min_size=64, max_size=64), PLAIN, PLAIN, st.integers(1, 2**50))
def test_a_key_is_a_key_and_every_input_changes_it(
    engine: EngineSettings, digest: str, image: str, pattern: str, size: int
) -> None:
    key = artifact_key(digest, engine, image, pattern, size)
    assert is_key(key)
    assert key == artifact_key(digest, engine.model_copy(), image, pattern, size)
    wider = engine.model_copy(update={"tensor_parallel_size": engine.tensor_parallel_size + 1})
    others = {
        artifact_key(digest[::-1] + "x", engine, image, pattern, size),
        artifact_key(digest, wider, image, pattern, size),
        artifact_key(digest, engine, image + "x", pattern, size),
        artifact_key(digest, engine, image, pattern + "x", size),
        artifact_key(digest, engine, image, pattern, size + 1),
    }
    assert key not in others


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=4))
def test_overrides_that_mean_the_same_have_one_key(overrides: dict[str, int]) -> None:
    written = [json.dumps(overrides), json.dumps(dict(reversed(overrides.items())), indent=1)]
    keys = {artifact_key("d", EngineSettings(hf_overrides=text), "", "", 1) for text in written}
    assert len(keys) == 1


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b.json", "a\\b", "\0"]), min_size=1, max_size=5).map("/".join))
def test_a_name_that_stays_inside_resolves_inside(name: str) -> None:
    import os.path

    if stays_inside(name):
        assert os.path.normpath(f"/folder/{name}") == f"/folder/{name}"


@given(st.text(), st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=30), st.text())
def test_no_token_survives(before: str, letters: str, after: str) -> None:
    token = "hf_" + letters
    text = redact(f"{before} {token} {after}")
    assert token not in text
    assert HIDDEN in text


@given(st.text(), st.text(min_size=8).filter(str.strip), st.text())
def test_no_known_secret_survives(before: str, secret: str, after: str) -> None:
    if secret not in HIDDEN * 3:
        assert secret not in redact(before + secret + after, {secret}).replace(HIDDEN, "")


@given(st.text("abcdefghijklmnopqrstuvwxyz_ .,:/-0123456789"))
def test_ordinary_words_are_left_alone(text: str) -> None:
    ordinary = re.sub(r"(bearer|basic)\s", "", text)
    if not re.search(r"hf_[a-z0-9]{30}|://", ordinary):
        assert redact(ordinary) == ordinary
