"""Which Job is created, and when: obsolete ones go first, and a suspended resource creates none."""

from __future__ import annotations

from shardwright_operator.decide.observed import Job, ObservedEvent
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.namespaces import condition, ready
from tools.testing.fake_namespace import FakeNamespace


def test_a_foreign_job_of_the_same_name_is_a_conflict_until_it_is_gone() -> None:
    namespace = FakeNamespace()
    namespace.step()
    assert namespace.status.job is not None
    name = namespace.status.job.name
    namespace.jobs[name] = Job(name, "other", namespace.now, False, {})
    namespace.settle()
    assert namespace.ready() == ("False", "NameConflict")
    del namespace.jobs[name]
    namespace.run_to_ready()


def test_changed_inputs_stop_the_running_job_before_another_starts() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    old = namespace.start_job()
    namespace.edit(engine={"tensorParallelSize": 4})
    namespace.settle()
    (new,) = namespace.live_jobs()
    assert new.name != old.name


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


def test_a_resource_that_is_created_suspended_starts_nothing() -> None:
    namespace = FakeNamespace(suspend=True)
    namespace.settle()
    assert namespace.ready() == ("Unknown", "Suspended")
    assert not namespace.created


def test_a_change_that_is_reverted_while_its_job_is_deleted_costs_no_attempt() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.slow_to_delete = True
    namespace.settle()
    namespace.start_job()
    namespace.step()
    namespace.edit(engine={"tensorParallelSize": 4})
    namespace.step()
    namespace.edit(engine={"tensorParallelSize": 2})
    namespace.step()
    namespace.finish_deletions()
    namespace.slow_to_delete = False
    namespace.settle()
    assert namespace.status.last_failure is None
    namespace.run_to_ready()


def test_a_suspended_resource_is_not_ready_for_a_changed_spec() -> None:
    namespace = ready()
    namespace.edit(suspend=True, engine={"tensorParallelSize": 4})
    namespace.settle()
    assert namespace.ready() == ("Unknown", Reason.SUSPENDED)
    assert "stays published" in namespace.message()
    assert condition(namespace, "Verified").status != "True"
    assert namespace.status.condition("Reconciling") is None


def test_a_suspended_resource_that_is_published_stays_ready() -> None:
    namespace = ready()
    namespace.edit(suspend=True)
    namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)


def test_a_suspended_resource_shows_its_last_failure() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.fail(Reason.TRANSFER_FAILED)
    namespace.edit(suspend=True)
    plan = namespace.settle()
    assert namespace.ready() == ("False", Reason.TRANSFER_FAILED)
    assert condition(namespace, "SourceReady").status == "False"
    assert namespace.status.condition("Reconciling") is None
    assert plan.requeue_after is None


def test_a_job_that_the_api_server_rejects_is_created_again() -> None:
    namespace = FakeNamespace()
    namespace.step()
    assert namespace.status.job is not None
    namespace.warnings = (
        ObservedEvent("Job", namespace.status.job.name, "FailedCreate", "denied by policy", namespace.now),
    )
    plan = namespace.plan()
    assert plan.actions
    condition = plan.status.condition("Ready")
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", Reason.POD_NOT_CREATED)
    assert "denied by policy" in condition.message
