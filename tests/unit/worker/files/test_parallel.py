"""Work on several files at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from shardwright_worker.files.parallel import Stopped, run_parallel

Count = Callable[[int], None]


def test_returns_results_in_order_and_reports_the_sum_of_bytes() -> None:
    totals: list[int] = []

    def work(item: int, count: Count) -> int:
        count(item)
        count(-1)
        return item * 10

    assert run_parallel(work, [3, 1, 2], totals.append, 2) == [30, 10, 20]
    assert totals[-1] == 3


def test_a_failure_stops_the_work_on_other_items() -> None:
    started, stopped = threading.Event(), threading.Event()

    def work(item: str, count: Count) -> None:
        if item == "bad":
            started.wait(10)
            raise ValueError("bad")
        started.set()
        try:
            while True:
                count(1)
        except Stopped:
            stopped.set()
            raise

    with pytest.raises(ValueError, match="bad"):
        run_parallel(work, ["bad", "good"], lambda _total: None, 2)
    assert stopped.wait(10)
