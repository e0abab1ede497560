"""A report is one JSON text that fits a termination message, whatever happened."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic.alias_generators import to_snake

from shardwright_worker.contract.maintenance import MaintenanceReport, PruneReport
from shardwright_worker.contract.naming import is_key, stays_inside
from shardwright_worker.contract.reasons import MEANINGS, Reason, reason_of_exit_code
from shardwright_worker.contract.report import LIMIT, Report, SourceReport, read_report

PRUNED = MaintenanceReport(pruned=PruneReport(removed=["0" * 16]))
MANY = MaintenanceReport(pruned=PruneReport(in_use=["0" * 16] * 40))


def test_a_short_report_is_left_as_it_is() -> None:
    report = Report(stage="Prepare", succeeded=False, reason=Reason.SOURCE_CORRUPT, message="bad", exit_code=27)
    assert read_report(report.to_text()) == report


def test_a_long_message_is_cut_and_the_rest_stays() -> None:
    source = SourceReport(digest="d" * 64, revision="c" * 40, path="a/b", volume="output", bytes=1, files=2)
    report = Report(stage="Shard", succeeded=True, message="ä" * 9000, source=source, duration_seconds={"load": 1.5})
    text = report.to_text()
    assert len(text.encode()) <= LIMIT
    read = read_report(text)
    assert read is not None
    assert read.source == source
    assert read.duration_seconds == {"load": 1.5}
    assert read.message.endswith("(cut)")
    assert len(read.message) > 1500


def test_a_report_that_is_too_long_without_its_message_loses_what_only_informs() -> None:
    report = Report(
        stage="Prepare",
        succeeded=True,
        key="0" * 16,
        maintenance=MaintenanceReport(damage="x" * 2000, source_problem="y" * 3000),
        message="kept",
    )
    read = read_report(report.to_text())
    assert read is not None
    assert (read.key, read.maintenance, read.message) == ("0" * 16, MaintenanceReport(), "kept")


def test_file_names_that_are_no_text_do_not_break_it() -> None:
    report = Report(stage="Prepare", succeeded=False, message=b"weights-\xff.bin".decode(errors="surrogateescape"))
    assert json.loads(report.to_text())["message"] == "weights-�.bin"


def test_what_is_no_report_is_none() -> None:
    assert read_report("Killed") is None
    assert read_report('{"stage": 1}') is None


SOURCE = {"digest": "d" * 64, "revision": "c0ffee", "path": "a/b", "volume": "output", "bytes": 1, "files": 2}
ARTIFACT = {
    "key": "0" * 16,
    "path": "models/llama/" + "0" * 16,
    "manifestDigest": "a" * 64,
    "bytes": 1,
    "files": 2,
    "vllmVersion": "0.32.0",
    "accelerator": "cpu",
    "verifiedBy": "Load",
    "completedAt": "2026-01-02T03:04:05Z",
}


PATHS = ("/etc", "../x", "a//b", "a/./b", "a/", "a\\b", "a\0b", "\u202e", "p" * 1025)
COUNTS = (-1, 2**53 + 1, 10**30, 10**400, float("nan"), float("inf"), 0.5, None)
BOTH = ("source", "artifact")


def read(**fields: Any) -> Report | None:
    return read_report(json.dumps({"stage": "Shard", "succeeded": True, **fields}))


def test_a_plain_report_of_another_program_is_read() -> None:
    report = read(source=SOURCE, artifact=ARTIFACT, key="0" * 16, newer={"field": [1]})
    assert report is not None
    assert report.artifact is not None
    assert (report.artifact.verified_by, report.artifact.check_depth) == ("Load", "Headers")


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        *(("source", "digest", value) for value in ("d", "D" * 64, "d" * 64 + "\n", "")),
        *(("source", "fingerprint", value) for value in ("f", "g" * 64)),
        *(("source", "volume", value) for value in ("", "token")),
        *(("source", "revision", value) for value in ("a\nb", "x" * 2000, "\x1b[2J", None)),
        *((part, "path", value) for part in BOTH for value in PATHS),
        *((part, name, value) for part in BOTH for name in ("bytes", "files") for value in COUNTS),
        *(("artifact", "key", value) for value in ("", "k", "0" * 17, "0" * 15 + "G")),
        *(("artifact", "manifestDigest", value) for value in ("m", "")),
        *(("artifact", "verifiedBy", value) for value in ("", "Trust", "Load ")),
    ],
)  # fmt: skip
def test_a_fact_out_of_bounds_makes_the_report_unreadable(part: str, field: str, value: object) -> None:
    assert read(**{part: {**(SOURCE if part == "source" else ARTIFACT), field: value}}) is None


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("durationSeconds", {"load": float("nan"), "save": float("inf"), "verify": -1}, {}),
        ("durationSeconds", {"queue": 10**400, "publish": 2}, {"publish": 2.0}),
        ("durationSeconds", {"a": True, "b": "1", "c": 1e9}, {"c": 1e9}),
        ("durationSeconds", [1], {}),
        ("maintenance", {"damage": "a\nb\x1b", "sourceProblem": 3}, MaintenanceReport(damage="a b�")),
        ("maintenance", {"pruned": {"kept": -1, "removed": ["0" * 16, "../x", 4], "expired": "x"}}, PRUNED),
        ("maintenance", {"pruned": {"inUse": ["0" * 16] * 50}}, MANY),
        ("maintenance", "x", MaintenanceReport()),
        ("rank", 10**30, None),
        ("rank", -1, None),
        ("rank", 7, 7),
        ("errorType", ["x"], None),
        ("errorType", "x" * 3000, "x" * 92 + " … (cut)"),
        ("message", 5, ""),
        ("message", "a\0\x1b[2Jb\nReady True", "a��[2Jb Ready True"),
        ("retryAfterSeconds", 1e6, 86400.0),
        ("retryAfterSeconds", 10**400, 86400.0),
        ("retryAfterSeconds", -1, None),
        ("retryAfterSeconds", float("nan"), None),
        ("retryAfterSeconds", "300", None),
        ("retryAfterSeconds", 300, 300.0),
    ],
)  # fmt: skip
def test_what_only_informs_is_left_out(field: str, value: object, kept: object) -> None:
    report = read(**{field: value})
    assert report is not None
    assert getattr(report, to_snake(field)) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2026-01-02T03:04:05Z", True),
        ("2026-01-02T03:04:05", True),
        ("yesterday", False),
        ("0001-01-01T00:00:00+14:00", False),
        ("9999-12-31T23:59:59-14:00", False),
        ("10000-01-01T00:00:00Z", False),
        ("2026-01-02T03:04:05Z" + " " * 5000, False),
    ],
)
def test_a_time_that_is_none_is_left_out(written: str, kept: bool) -> None:
    report = read(artifact={**ARTIFACT, "completedAt": written})
    assert report is not None
    assert report.artifact is not None
    assert report.artifact.completed_at == (written if kept else "")


def test_maps_have_a_bounded_number_of_entries() -> None:
    many = {str(number): 1 for number in range(1000)}
    report = read(durationSeconds=many)
    assert report is not None
    assert len(report.duration_seconds) == 32


@pytest.mark.parametrize("reason", [*Reason])
def test_a_failure_has_a_reason_of_a_worker(reason: Reason) -> None:
    report = read(succeeded=False, reason=reason)
    assert (report is not None) == (MEANINGS[reason].exit_code is not None)


@pytest.mark.parametrize(
    "fields",
    [
        {"succeeded": False},
        {"succeeded": True, "reason": "SourceCorrupt"},
        {"succeeded": True, "exitCode": 40},
        {"succeeded": False, "reason": "SourceCorrupt", "exitCode": 40},
        {"succeeded": False, "reason": "NoSuchReason"},
        {"succeeded": 1},
        {"succeeded": "true"},
        {"exitCode": 256},
        {"key": "../../x"},
    ],
)
def test_a_report_that_contradicts_itself_is_none(fields: dict[str, Any]) -> None:
    assert read(**fields) is None


def test_the_level_is_one_of_ours_however_it_is_written() -> None:
    report = read(artifact={**ARTIFACT, "verifiedBy": "generate"})
    assert report is not None
    assert report.artifact is not None
    assert report.artifact.verified_by == "Generate"


def test_exit_codes_are_unique_and_tell_the_reason() -> None:
    codes = {meaning.exit_code: reason for reason, meaning in MEANINGS.items() if meaning.exit_code is not None}
    assert len(codes) == sum(meaning.exit_code is not None for meaning in MEANINGS.values())
    assert all(reason_of_exit_code(code) == reason for code, reason in codes.items() if code is not None)
    assert reason_of_exit_code(1) is None


def test_keys_and_names() -> None:
    assert is_key("0123456789abcdef")
    assert not is_key("0123456789ABCDEF")
    assert not is_key("0123456789abcdef\n")
    assert stays_inside("1_Pooling/config.json")
    for name in ("../x", "/etc/passwd", "a/../../b", "a//b", "", ".", "a\\..\\b", "a\0b"):
        assert not stays_inside(name)
