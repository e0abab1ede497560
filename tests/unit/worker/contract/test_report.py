"""A report is one JSON text that fits a termination message, whatever happened."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shardwright_worker.contract.maintenance import MaintenanceReport
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import LIMIT, ArtifactReport, Report, SourceReport, read_report
from tests.unit.worker.report_cases import ARTIFACT, SOURCE, read

LOAD = {"seconds": 1.5}


def test_a_short_report_stays_as_it_is() -> None:
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
        artifact=ArtifactReport.model_validate({**ARTIFACT, "measured": {"source": LOAD, "shards": LOAD}}),
        maintenance=MaintenanceReport(damage="x" * 2000, source_problem="y" * 3000),
        message="kept",
    )
    read = read_report(report.to_text())
    assert read is not None
    assert (read.key, read.maintenance, read.message) == ("0" * 16, MaintenanceReport(), "kept")
    assert read.artifact == ArtifactReport.model_validate(ARTIFACT)


def test_file_names_that_are_not_utf_8_do_not_break_it() -> None:
    report = Report(stage="Prepare", succeeded=False, message=b"weights-\xff.bin".decode(errors="surrogateescape"))
    assert json.loads(report.to_text())["message"] == "weights-�.bin"


def test_other_text_is_not_a_report() -> None:
    assert read_report("Killed") is None
    assert read_report('{"stage": 1}') is None


def test_a_plain_report_of_another_program_is_read() -> None:
    report = read(source=SOURCE, artifact=ARTIFACT, key="0" * 16, newer={"field": [1]})
    assert report is not None
    assert report.artifact is not None
    assert (report.artifact.verified_by, report.artifact.check_depth) == ("Load", "Headers")


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
