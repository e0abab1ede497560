"""How many calls the operator makes as a process, on a real API server and Job controller."""

from __future__ import annotations

from tools.cluster.api import wait_until
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace
from tools.testing.operator import Operator

WRITING = ('verb="create"', 'verb="apply"', 'verb="patch"', 'verb="delete"', 'verb="update"')


def test_a_resource_needs_few_calls(namespace: Namespace, kubelet: Kubelet, operator: Operator) -> None:
    events = 3  # two Jobs that began, and the end
    namespace.create("first")
    before = _calls_with_events(operator, namespace, "first", events)
    namespace.create("second")
    after = _calls_with_events(operator, namespace, "second", 2 * events)
    calls = {name: value - before.get(name, 0) for name, value in after.items()}
    reads = sum(value for name, value in calls.items() if 'verb="get"' in name)
    writing = {name: value for name, value in calls.items() if any(verb in name for verb in WRITING)}
    assert reads <= 2, calls
    assert sum(writing.values()) - events <= 7, calls


def test_a_restart_writes_nothing(namespace: Namespace, kubelet: Kubelet, operator: Operator) -> None:
    namespace.create("model")
    namespace.wait("model")
    version = namespace.read("model")["metadata"]["resourceVersion"]
    operator.stop()
    operator.start()
    operator.wait_ready()
    wait_until(lambda: _reconciled(operator) >= 1, "a reconciliation", 60)
    assert namespace.read("model")["metadata"]["resourceVersion"] == version
    assert not [name for name in _calls(operator) if any(verb in name for verb in WRITING)]


def _calls(operator: Operator) -> dict[str, float]:
    """Calls by verb, kind and code, without those of the election."""
    start = "shardwright_api_call_seconds_count"
    return {
        name: value for name, value in operator.metrics().items() if name.startswith(start) and '"leases"' not in name
    }


def _calls_with_events(operator: Operator, namespace: Namespace, name: str, events: int) -> dict[str, float]:
    """Return the calls when the resource is Ready and its last Event is written, which happens in the background.

    `events`: the number of Events that the operator has created by then, of all resources.
    """

    def last_is_written() -> bool:
        found = namespace.objects("events")
        return any((one["reason"], one["regarding"]["name"]) == ("Succeeded", name) for one in found)

    namespace.wait(name)
    wait_until(last_is_written, f"the last Event of {name}", 30)
    wait_until(lambda: _events(_calls(operator)) >= events, f"the count of Events of {name}", 30)
    calls = _calls(operator)
    assert _events(calls) == events, calls
    return calls


def _events(calls: dict[str, float]) -> float:
    return sum(value for name, value in calls.items() if 'resource="events"' in name and 'verb="create"' in name)


def _reconciled(operator: Operator) -> float:
    found = operator.metrics().items()
    return sum(value for name, value in found if name.startswith("shardwright_reconcile_seconds_count"))
