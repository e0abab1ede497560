"""The levels of verification."""

from __future__ import annotations

from tests.unit.worker.report_cases import ARTIFACT, read


def test_a_level_is_read_in_any_case() -> None:
    report = read(artifact={**ARTIFACT, "verifiedBy": "generate"})
    assert report is not None
    assert report.artifact is not None
    assert report.artifact.verified_by == "Generate"
