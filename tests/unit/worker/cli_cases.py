"""The worker's command line in tests."""

from __future__ import annotations

from shardwright_worker.contract.report import Report, read_report


def last_report(text: str) -> Report:
    """Return the report on the last line."""
    report = read_report(text.splitlines()[-1])
    assert report is not None, text
    return report
