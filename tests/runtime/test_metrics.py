"""Metrics: named by the Prometheus conventions."""

from __future__ import annotations

from prometheus_client import Histogram

from shardwright_operator.runtime.metrics import TABLE


def test_metrics_are_named_by_convention() -> None:
    for row in TABLE:
        assert row.name.startswith("shardwright_")
        assert row.help.endswith(".")
        assert not row.name.endswith("_total"), "the client library adds it"
        if row.kind is Histogram:
            assert row.name.endswith("_seconds")
