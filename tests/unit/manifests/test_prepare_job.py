"""The prepare Job: it removes artifacts or resolves a known commit only on request."""

from __future__ import annotations

from shardwright_operator.decide.job_request import EarlierSource, Pruning
from shardwright_operator.manifests.prepare_job import build_prepare_job
from tests.unit.manifests.built_jobs import (
    HUB,
    arguments_of,
    spec_with,
    worker_of,
)
from tools.testing.job_requests import prepare_request


def test_prepare_removes_older_artifacts_only_on_request() -> None:
    spec = spec_with(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 2})
    assert "--history-limit" not in worker_of(build_prepare_job(prepare_request(spec)))["args"]
    pruning = Pruning(2, ("k2", "k3"), until=0)
    arguments = arguments_of(build_prepare_job(prepare_request(spec, published="k1", pruning=pruning)))
    assert (arguments.history_limit, arguments.published, arguments.in_use) == (2, ["k1"], ["k2", "k3"])


def test_prepare_inspects_the_known_commit() -> None:
    known = EarlierSource("0a1b", "d" * 64, "")
    job = build_prepare_job(prepare_request(spec_with(source=HUB), known=known))
    assert arguments_of(job).revision == "0a1b"
