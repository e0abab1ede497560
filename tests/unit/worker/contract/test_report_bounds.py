"""Values of a report that are out of bounds make it unreadable, or are left out if they only inform."""

from __future__ import annotations

import pytest
from pydantic.alias_generators import to_snake

from shardwright_worker.contract.maintenance import MaintenanceReport, PruneReport
from shardwright_worker.contract.measured import Measured
from tests.unit.worker.report_cases import ARTIFACT, SOURCE, read

PRUNED = MaintenanceReport(pruned=PruneReport(removed=["0" * 16]))


MANY = MaintenanceReport(pruned=PruneReport(in_use=["0" * 16] * 40))


PATHS = ("/etc", "../x", "a//b", "a/./b", "a/", "a\\b", "a\0b", "\u202e", "p" * 1025)


COUNTS = (-1, 2**53 + 1, 10**30, 10**400, float("nan"), float("inf"), 0.5, None)


BOTH = ("source", "artifact")


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
        ("durationSeconds", {"import": -0.1, "startRanks": 10**400, "readWeights": 3}, {"readWeights": 3.0}),
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
def test_a_value_that_only_informs_is_left_out(field: str, value: object, kept: object) -> None:
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
def test_an_invalid_time_is_left_out(written: str, kept: bool) -> None:
    report = read(artifact={**ARTIFACT, "completedAt": written})
    assert report is not None
    assert report.artifact is not None
    assert report.artifact.completed_at == (written if kept else "")


LOAD = {"seconds": 1.5, "bytesRead": 7}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ({"source": LOAD, "shards": {"seconds": 0}}, True),
        ({"source": LOAD}, False),
        ({"source": LOAD, "shards": {"seconds": float("nan")}}, False),
        ({"source": LOAD, "shards": {"seconds": 1e10}}, False),
        ({"source": LOAD, "shards": {"seconds": 1, "bytesRead": -1}}, False),
        ("fast", False),
    ],
)
def test_a_measurement_out_of_bounds_is_left_out(written: object, kept: bool) -> None:
    report = read(artifact={**ARTIFACT, "measured": written})
    assert report is not None
    assert report.artifact is not None
    assert report.artifact.measured == (Measured.model_validate(written) if kept else None)


def test_maps_have_a_bounded_number_of_entries() -> None:
    many = {str(number): 1 for number in range(1000)}
    report = read(durationSeconds=many)
    assert report is not None
    assert len(report.duration_seconds) == 32
