"""A Job that has ended: what it disproves is forgotten, and what it may have published is checked first."""

from __future__ import annotations

from dataclasses import replace

from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.namespaces import created_stages, ready, stages
from tools.testing.fake_namespace import FakeNamespace


def test_the_last_attempt_may_have_published_before_it_vanished() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    namespace.succeed()
    namespace.remove_job(job.name)
    namespace.run_to_ready()
    assert created_stages(namespace).count("shard") == 1


def test_the_last_attempt_that_vanished_without_publishing_is_the_last() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    namespace.remove_job(job.name)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    namespace.advance(1e6)
    namespace.settle()
    assert len(namespace.created) == 3


def test_damage_found_by_a_verification_is_remembered_when_the_level_is_lowered_again() -> None:
    namespace = ready()
    namespace.worker.published.clear()
    namespace.edit(verification="Generate")
    namespace.settle()
    namespace.fail(Reason.ARTIFACT_DAMAGED, "a part is gone")
    namespace.settle()
    assert (namespace.status.artifact, namespace.status.serving) == (None, None)
    namespace.edit(verification="Load")
    namespace.settle()
    assert namespace.ready()[0] != "True"
    assert stages(namespace) == ["shard"]


def test_damage_found_with_another_spec_is_checked_when_the_spec_is_restored() -> None:
    namespace = ready()
    before = namespace.spec
    namespace.edit(output={"persistentVolumeClaim": {"claimName": "shards"}, "maxFileSize": "5120Mi"})
    namespace.settle()
    namespace.fail(Reason.ARTIFACT_DAMAGED, "something else has its place")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    namespace.worker.published.clear()
    namespace.edit(**before)
    namespace.settle()
    assert stages(namespace) == ["prepare"]
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] != "True"


def test_the_last_attempt_may_have_published_before_its_deadline() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    namespace._report(job)  # it publishes, and says no more
    namespace.pods.pop(job.name)
    namespace.jobs[job.name] = replace(
        namespace.jobs[job.name], failed=("DeadlineExceeded", ""), finished_at=namespace.now
    )
    namespace.settle()
    assert stages(namespace) == ["prepare"]
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")


def test_the_last_attempt_that_has_not_published_is_the_last() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.exit_without_report(137)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert not namespace.live_jobs()


def test_an_artifact_of_a_deleted_shard_job_is_found_without_another() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.succeed()
    namespace.jobs.clear()
    namespace.pods.clear()  # the TTL has removed both while no operator was there
    plan = namespace.settle()
    namespace.advance(plan.requeue_after or 0)
    namespace.run_to_ready()
    assert created_stages(namespace) == ["prepare", "shard", "prepare"]


def test_an_artifact_of_a_lost_report_is_found_on_the_volume() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.succeed()
    namespace.pods.clear()
    plan = namespace.settle()
    namespace.advance(plan.requeue_after or 0)
    namespace.run_to_ready()
    assert created_stages(namespace) == ["prepare", "shard", "prepare"]


def test_an_artifact_that_fails_a_later_verification_is_not_offered_any_more() -> None:
    namespace = ready(verification="Digests")
    namespace.edit(verification="Load")
    namespace.settle()
    namespace.fail(Reason.VERIFICATION_FAILED, "rank 1 differs")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VERIFICATION_FAILED)
    verified = namespace.status.condition("Verified")
    assert verified is not None
    assert verified.status == "False"
    assert namespace.status.serving is None
    assert namespace.status.artifact is None
    assert not namespace.live_jobs()


def test_a_source_that_changed_is_prepared_again_before_accelerators_are_taken_again() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.worker.revision = "r2"
    namespace.fail(Reason.SOURCE_CHANGED, "model.safetensors changed")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.SOURCE_CHANGED)
    namespace.advance(3600)
    namespace.settle()
    assert stages(namespace) == ["prepare"]
    namespace.run_to_ready()
    assert namespace.status.source is not None
    assert namespace.status.source.revision == "r2"


def test_a_disproved_artifact_is_not_offered_when_it_is_found_again() -> None:
    namespace = ready(verification="Digests")
    namespace.edit(verification="Load")
    namespace.settle()
    namespace.fail(Reason.VERIFICATION_FAILED, "rank 1 differs")
    namespace.settle()
    namespace.requested_at = "now"
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.status.serving is None
