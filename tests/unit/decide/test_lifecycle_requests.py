"""What a prepare Job is asked for: the known source, the published artifact, every byte, or pruning."""

from __future__ import annotations

import pytest

from tests.unit.decide.namespaces import HOURLY, HUB, arguments, damaged, ready, value_of
from tools.testing.fake_namespace import FakeNamespace


def test_checks_after_a_deep_one_are_deep() -> None:
    for ask in (
        lambda namespace: namespace.advance(3601),
        lambda namespace: setattr(namespace, "requested_at", "now"),
    ):
        namespace, _ = damaged(deep=True)
        ask(namespace)
        namespace.settle()
        assert "--deep" in arguments(namespace)


def test_a_check_for_a_restored_artifact_inspects_the_source_that_it_was_made_from() -> None:
    namespace, _ = damaged()
    namespace.advance(3601)
    namespace.settle()
    assert "--known-fingerprint" in arguments(namespace)
    namespace, _ = damaged(source=HUB)
    namespace.worker.revision = "r2"
    namespace.advance(3601)
    namespace.settle()
    assert value_of(namespace, "--revision") == "r1"


def test_a_build_beside_a_deep_recheck_reads_every_byte() -> None:
    namespace = FakeNamespace(recheck={"interval": "1h", "deep": True})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert "--deep" in arguments(namespace)


def test_a_job_that_removes_artifacts_reads_none_of_them() -> None:
    namespace = FakeNamespace(
        recheck={**HOURLY, "deep": True}, output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1}
    )
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert "--history-limit" in arguments(namespace)
    assert "--deep" not in arguments(namespace)
    namespace.run_to_ready()
    namespace.advance(3601)
    namespace.settle()
    assert "--deep" in arguments(namespace)


def test_a_recheck_inspects_the_commit_that_the_artifact_was_made_from() -> None:
    hub = {"huggingFace": {"repo": "org/model", "revision": "main"}}
    namespace = ready(source=hub, recheck={"interval": "1h"})
    namespace.worker.revision = "r2"  # the branch has moved
    namespace.advance(3601)
    namespace.settle()
    assert value_of(namespace, "--revision") == "r1"
    namespace.requested_at = "2026-01-01T00:00:00Z"
    namespace.settle()
    assert value_of(namespace, "--revision") == "main"


@pytest.mark.parametrize("deep", [True, False])
def test_a_recheck_reads_every_byte_only_if_it_is_deep(deep: bool) -> None:
    namespace = ready(recheck={"interval": "1h", "deep": deep})
    namespace.advance(3601)
    namespace.settle()
    line = arguments(namespace)
    assert ("--deep" in line) == deep
    assert value_of(namespace, "--known-fingerprint") == "f" * 64
    namespace.succeed()
    namespace.settle()
    shards = namespace.status.condition("ShardsComplete")
    assert shards is not None
    assert ("every byte" in shards.message) == deep


def test_a_requested_check_reads_no_source_that_is_unchanged() -> None:
    namespace = ready()
    namespace.requested_at = "now"
    namespace.settle()
    assert value_of(namespace, "--known-fingerprint") == "f" * 64
