"""Reports and progress lines: what is written fits, and can be read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shardwright_worker.contract.progress_line import Progress, Stage, read_progress
from shardwright_worker.contract.report import LIMIT, Report, read_report
from tests.property.report_strategies import COUNTS, SECONDS, reports


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
