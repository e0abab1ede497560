"""A scope whose status has changed shares what does not depend on the status."""

from __future__ import annotations

from shardwright_operator.decide.scope import Scope
from tools.testing.fake_namespace import FakeNamespace


def _scope(namespace: FakeNamespace) -> Scope:
    return Scope.of(namespace.now, namespace.config, namespace.observed())


def test_inputs_are_shared_with_the_scope_of_another_status() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    scope = _scope(namespace)
    assert scope.update(progress=None).inputs is scope.inputs


def test_a_request_that_counts_once_the_job_has_ended_changes_the_inputs() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.start_job()
    namespace.settle()
    namespace.requested_at = "now"
    scope = _scope(namespace)
    assert scope.inputs.request is None
    assert scope.update(job=None).inputs.request == "now"


def test_the_default_image_is_resolved_once() -> None:
    namespace = FakeNamespace()
    assert _scope(namespace).inputs.image == namespace.config.engine_image
    namespace.status = namespace.status.model_copy(update={"engine_image": "engine:0"})
    assert _scope(namespace).inputs.image == "engine:0"
    namespace.edit(engine={"image": "engine:user"})
    assert _scope(namespace).inputs.image == "engine:user"


def test_there_are_no_inputs_without_a_claim() -> None:
    namespace = FakeNamespace()
    namespace.claims["shards"] = None
    scope = _scope(namespace)
    assert scope.known_inputs is None
    assert not scope.prepared
