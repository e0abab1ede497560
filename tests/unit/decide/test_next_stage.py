"""The next stage: a lower level of verification than asked for is work to do, and its source is fetched first."""

from __future__ import annotations

import itertools

import pytest

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.verification_levels import LEVELS, satisfies
from tests.unit.decide.namespaces import HUB, arguments, created_stages, ready, stages, value_of
from tools.testing.fake_namespace import FakeNamespace


@pytest.mark.parametrize(("first", "then"), list(itertools.permutations(LEVELS, 2)))
def test_a_higher_level_is_verified_on_what_is_published_and_a_lower_one_needs_nothing(first: str, then: str) -> None:
    namespace = ready(verification=first)
    before = namespace.status.artifact
    assert before is not None
    namespace.edit(verification=then)
    namespace.settle()
    if satisfies(first, then):
        assert not namespace.live_jobs()
        assert namespace.ready() == ("True", Reason.SUCCEEDED)
        return
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)
    assert namespace.status.serving is not None
    assert stages(namespace) == ["shard"]
    namespace.run_to_ready()
    assert namespace.status.artifact is not None
    assert (namespace.status.artifact.key, namespace.status.artifact.verified_by) == (before.key, then)
    assert len(namespace.created) == 3


def test_an_artifact_of_a_lower_level_that_is_found_is_verified_before_it_is_ready() -> None:
    namespace = ready(verification="Digests")
    namespace.status = namespace.status.model_copy(update={"artifact": None, "source": None})  # it was lost
    namespace.edit(verification="Generate")
    namespace.settle()
    namespace.succeed()  # prepare finds what is published
    namespace.settle()
    assert namespace.ready()[0] != "True"
    assert stages(namespace) == ["shard"]
    namespace.run_to_ready()
    assert namespace.status.artifact is not None
    assert namespace.status.artifact.verified_by == "Generate"


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_level_that_is_raised_while_a_job_runs_is_not_a_failure_of_that_job(attempts: int) -> None:
    namespace = FakeNamespace(job={"maxAttempts": attempts})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.start_job()
    namespace.settle()
    asked = arguments(namespace)
    namespace.edit(verification="Generate")
    namespace.settle()
    assert arguments(namespace) == asked
    namespace.worker.verified_by = "Load"
    namespace.succeed()
    namespace.worker.verified_by = ""
    namespace.settle()
    assert namespace.status.last_failure is None
    assert namespace.status.failed_attempts == []
    assert stages(namespace) == ["shard"]
    namespace.run_to_ready()
    assert namespace.status.artifact
    assert namespace.status.artifact.verified_by == "Generate"


def adopted() -> FakeNamespace:
    """A resource that has found the artifact of an earlier one, and has fetched nothing."""
    earlier = FakeNamespace(source=HUB)
    earlier.run_to_ready()
    namespace = FakeNamespace(source=HUB)
    namespace.uid, namespace.worker = "uid-2", earlier.worker
    namespace.settle()
    report = namespace._report(namespace.start_job())
    assert report.source
    namespace.succeed(source=report.source.model_copy(update={"fingerprint": "", "volume": "output"}))
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert len(namespace.created) == 1
    return namespace


def test_a_verification_that_needs_a_source_fetches_it_before_accelerators_are_taken() -> None:
    namespace = adopted()
    namespace.edit(verification="Generate")
    namespace.settle()
    assert stages(namespace) == ["prepare"]
    assert value_of(namespace, "--verification") == "generate"
    assert value_of(namespace, "--revision") == "r1", "the commit that it was made from"
    report = namespace._report(namespace.start_job())
    assert report.source
    namespace.succeed(
        source=report.source.model_copy(update={"fingerprint": ""})
    )  # even if the worker has no fingerprint of it
    namespace.settle()
    assert stages(namespace) == ["shard"]
    namespace.run_to_ready()
    assert created_stages(namespace) == ["prepare", "prepare", "shard"]


def test_a_fetched_source_that_was_removed_is_fetched_again() -> None:
    namespace = FakeNamespace(source=HUB)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.fail(Reason.SOURCE_NOT_FOUND, "--source /output/.sources/x is not a local directory")
    namespace.settle()
    assert namespace.status.last_failure
    assert namespace.status.last_failure.reason == Reason.SOURCE_CHANGED
    namespace.advance(1000)
    namespace.settle()
    assert stages(namespace) == ["prepare"]
    namespace.run_to_ready()
