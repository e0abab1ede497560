"""The way through: claims, prepare, shard, Ready; and what of it is never done twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shardwright_operator.api.status import Status
from shardwright_operator.decide.observed import Job
from shardwright_operator.decide.plan import CreateJob
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import claim


def test_two_jobs_lead_to_ready() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    stages = [namespace.bodies[name]["metadata"]["labels"]["shardwright.io/stage"] for name in namespace.created]
    assert stages == ["prepare", "shard"]
    assert namespace.status.artifact is not None
    assert namespace.status.serving is not None
    assert namespace.status.serving.args[:4] == [
        "--model",
        f"/models/{namespace.status.artifact.path}",
        "--load-format",
        "sharded_state",
    ]
    assert namespace.outcome_events() == [("Normal", "Succeeded")]


def test_the_attempt_number_is_written_before_its_job_is_created() -> None:
    namespace = FakeNamespace()
    plan = namespace.step()
    assert not plan.actions
    assert namespace.status.job is not None
    (action,) = namespace.step().actions
    assert isinstance(action, CreateJob)
    assert action.request.facts.job == namespace.status.job.name
    assert action.request.facts.attempt == namespace.status.attempt == 1


def test_a_wiped_status_comes_back_without_a_shard_job() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    before = namespace.status
    namespace.status = Status()
    namespace.run_to_ready()
    assert [name.split("-")[1] for name in namespace.created] == ["prepare", "shard", "prepare"]
    assert namespace.status.artifact is not None
    assert before.artifact is not None
    assert namespace.status.artifact.key == before.artifact.key
    assert namespace.status.attempt > before.attempt


def test_a_wiped_status_adopts_the_job_that_runs() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    job = namespace.start_job()
    namespace.status = namespace.status.model_copy(update={"job": None})
    namespace.settle()
    assert namespace.status.job is not None
    assert namespace.status.job.name == job.name
    assert namespace.live_jobs() == [job]


def test_a_foreign_job_of_our_name_is_a_conflict_until_it_goes() -> None:
    namespace = FakeNamespace()
    namespace.step()
    assert namespace.status.job is not None
    name = namespace.status.job.name
    namespace.jobs[name] = Job(name, "other", namespace.now, False, {})
    namespace.settle()
    assert namespace.ready() == ("False", "NameConflict")
    del namespace.jobs[name]
    namespace.run_to_ready()


def test_a_claim_that_was_replaced_is_another_claim() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.claims["shards"] = claim("shards", uid="another")
    namespace.worker.published.clear()
    namespace.settle()
    assert namespace.ready() == ("Unknown", "Progressing")
    namespace.run_to_ready()
    assert namespace.status.artifact is not None
    assert namespace.status.artifact.claim_uid == "another"


def test_a_claim_replaced_under_a_running_job_is_never_ready_by_it() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.claims["shards"] = claim("shards", uid="another")
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] != "True"


def test_a_changed_engine_builds_beside_the_old_artifact() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    old = namespace.status.artifact
    namespace.edit(engine={"tensorParallelSize": 4})
    namespace.settle()
    assert namespace.status.artifact == old
    assert namespace.ready() == ("Unknown", "Progressing")
    assert "stays published" in namespace.message()
    namespace.run_to_ready()
    assert namespace.status.artifact is not None
    assert old is not None
    assert namespace.status.artifact.key != old.key


def test_the_old_artifact_is_named_while_the_new_one_fails() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.edit(engine={"tensorParallelSize": 3})
    namespace.settle()
    namespace.fail(Reason.INVALID_ENGINE_ARGUMENTS, "heads must be divisible by 3")
    namespace.settle()
    assert namespace.ready() == ("False", "InvalidEngineArguments")
    assert "stays published" in namespace.message()
    namespace.edit(engine={"tensorParallelSize": 2})
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")


@pytest.mark.parametrize("part", [{"verification": "Digests"}, {"job": {"maxAttempts": 7, "deadline": "3h"}}])
def test_what_does_not_decide_bytes_rebuilds_nothing(part: dict[str, object]) -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.edit(**part)
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    assert len(namespace.created) == 2


def test_a_newer_operator_rebuilds_nothing() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.config = replace(namespace.config, engine_image="engine:2", prepare_image="prepare:2")
    namespace.settle()
    assert len(namespace.created) == 2
    assert namespace.ready() == ("True", "Succeeded")


def test_job_fields_replace_a_job_that_has_not_started() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (waiting,) = namespace.live_jobs()
    namespace.edit(job={"nodeSelector": {"pool": "gpu"}})
    namespace.settle()
    (other,) = namespace.live_jobs()
    assert other.name != waiting.name
    namespace.start_job()
    namespace.edit(job={"nodeSelector": {"pool": "other"}})
    namespace.settle()
    assert [job.name for job in namespace.live_jobs()] == [other.name]


def test_changed_inputs_stop_the_job_that_runs_before_another_starts() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    old = namespace.start_job()
    namespace.edit(engine={"tensorParallelSize": 4})
    namespace.settle()
    (new,) = namespace.live_jobs()
    assert new.name != old.name


def test_a_request_on_a_ready_resource_resolves_the_source_again() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.requested_at = "now"
    namespace.settle()
    assert namespace.ready() == ("True", "Succeeded")
    (job,) = namespace.live_jobs()
    assert job.labels["shardwright.io/stage"] == "prepare"
    namespace.worker.revision = "r2"
    namespace.succeed()
    namespace.settle()
    (job,) = namespace.live_jobs()
    assert job.labels["shardwright.io/stage"] == "shard"
    namespace.run_to_ready()
    assert namespace.status.last_handled_reconcile_at == "now"


def test_suspend_stops_before_the_next_job_and_suspends_one_that_waits() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.edit(suspend=True)
    namespace.settle()
    (job,) = namespace.live_jobs()
    assert job.suspended
    assert namespace.ready() == ("Unknown", "Suspended")
    namespace.edit(suspend=False)
    namespace.settle()
    (job,) = namespace.live_jobs()
    assert not job.suspended
    namespace.succeed()
    namespace.edit(suspend=True)
    namespace.settle()
    assert not namespace.live_jobs()
    namespace.edit(suspend=False)
    namespace.run_to_ready()


def test_a_resource_that_is_born_suspended_starts_nothing() -> None:
    namespace = FakeNamespace(suspend=True)
    namespace.settle()
    assert namespace.ready() == ("Unknown", "Suspended")
    assert not namespace.created


def test_a_queue_decides_when_the_shard_job_starts() -> None:
    namespace = FakeNamespace(job={"queueName": "gpus"})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    (job,) = namespace.live_jobs()
    assert job.suspended
    assert job.labels["kueue.x-k8s.io/queue-name"] == "gpus"
    assert namespace.ready() == ("Unknown", "Queued")
    namespace.jobs[job.name] = replace(job, suspended=False)
    namespace.run_to_ready()


def test_a_claim_is_created_where_the_spec_asks_for_it() -> None:
    create = {"size": "5Gi", "storageClassName": "fast"}
    namespace = FakeNamespace(output={"persistentVolumeClaim": {"claimName": "new", "create": create}})
    namespace.run_to_ready()
    assert namespace.claims["new"] is not None
