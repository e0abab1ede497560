"""A report is one JSON text that fits a termination message, whatever happened."""

from __future__ import annotations

import json

from shardwright_worker.contract.naming import is_key, stays_inside
from shardwright_worker.contract.reasons import MEANINGS, Reason, reason_of_exit_code
from shardwright_worker.contract.report import LIMIT, Report, SourceReport, read_report


def test_a_short_report_is_left_as_it_is() -> None:
    report = Report(stage="Prepare", succeeded=False, reason=Reason.SOURCE_CORRUPT, message="bad", exit_code=27)
    assert read_report(report.to_text()) == report


def test_a_long_message_is_cut_and_the_rest_stays() -> None:
    source = SourceReport(digest="d" * 64, revision="c" * 40, path="a/b", volume="output", bytes=1, files=2)
    report = Report(stage="Shard", succeeded=False, message="ä" * 9000, source=source, durations={"load": 1.5})
    text = report.to_text()
    assert len(text.encode()) <= LIMIT
    read = read_report(text)
    assert read is not None
    assert read.source == source
    assert read.durations == {"load": 1.5}
    assert read.message.endswith("(cut)")
    assert len(read.message) > 1500


def test_a_report_that_is_too_long_without_its_message_loses_what_only_informs() -> None:
    report = Report(stage="Prepare", succeeded=True, key="0" * 16, upkeep={"removed": "x" * 5000}, message="kept")
    read = read_report(report.to_text())
    assert read is not None
    assert (read.key, read.upkeep, read.message) == ("0" * 16, {}, "kept")


def test_file_names_that_are_no_text_do_not_break_it() -> None:
    report = Report(stage="Prepare", succeeded=False, message=b"weights-\xff.bin".decode(errors="surrogateescape"))
    assert json.loads(report.to_text())["message"] == "weights-?.bin"


def test_what_is_no_report_is_none() -> None:
    assert read_report("Killed") is None
    assert read_report('{"stage": 1}') is None


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
