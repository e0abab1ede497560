"""Which artifacts pods mount: nothing is removed while that is not known, or a pod mounts more than one."""

from __future__ import annotations

import pytest

from shardwright_operator.api.maintenance_status import Maintenance
from shardwright_operator.decide.observed import Neighbor
from shardwright_operator.decide.pruning import artifacts_in_use
from tests.unit.decide.namespaces import KEEP_ONE, OLDER, arguments, ready
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import START


def test_nothing_is_removed_where_the_folders_of_two_resources_overlap() -> None:
    namespace = FakeNamespace(output=KEEP_ONE)
    namespace.worker.published.add(OLDER)
    namespace.neighbors = (Neighbor("younger", "uid-2", START.replace(year=2027), "models/llama"),)
    namespace.run_to_ready()
    assert len(namespace.created) == 2
    assert "younger" in str(namespace.status.maintenance.blocked_reason)
    namespace.neighbors = ()
    namespace.run_to_ready()
    assert namespace.worker.removed == [OLDER]


@pytest.mark.parametrize("path", ["", "models/llama", "models/llama/"])
@pytest.mark.parametrize(
    "mounted",
    [
        f"models/llama/{OLDER}",
        f"./models/llama/{OLDER}",
        f"models//llama/{OLDER}/",
        f"/models/./llama/{OLDER}/tokenizer",
        f"models/x/../llama/{OLDER}",
    ],
)
def test_a_mounted_artifact_is_known_in_any_form_of_its_path(path: str, mounted: str) -> None:
    namespace = ready(output={**KEEP_ONE, **({"path": path} if path else {})})
    namespace.users["shards"] = (mounted,)
    namespace.status = namespace.status.model_copy(update={"maintenance": Maintenance()})
    observed = namespace.observed()
    assert observed.resource.spec is not None
    assert artifacts_in_use(observed, observed.resource.spec) == [OLDER]


def test_mounts_that_were_not_read_are_not_no_mounts() -> None:
    namespace = ready()
    observed = namespace.observed()
    assert observed.claim_users is None
    assert observed.resource.spec is not None
    assert artifacts_in_use(observed, observed.resource.spec) is None


def test_nothing_is_pruned_while_a_pod_mounts_the_whole_volume() -> None:
    namespace = FakeNamespace(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1})
    namespace.users["shards"] = ("",)
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    plan = namespace.settle()
    assert not namespace.live_jobs()
    assert "subPath" in str(namespace.status.maintenance.blocked_reason)
    assert plan.requeue_after is not None
    namespace.users.clear()
    namespace.advance(plan.requeue_after)
    namespace.settle()
    assert "--history-limit" in arguments(namespace)
    namespace.succeed()
    namespace.settle()
    assert namespace.status.maintenance.blocked_reason is None


@pytest.mark.parametrize("mounted", ["models", "models/llama", "/models/llama/"])
def test_nothing_is_pruned_while_a_pod_mounts_a_folder_above_the_artifacts(mounted: str) -> None:
    namespace = FakeNamespace(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1})
    namespace.users["shards"] = (mounted,)
    namespace.run_to_ready()
    assert not namespace.live_jobs()
    assert namespace.status.maintenance.blocked_reason


def test_only_folders_of_this_resource_count_and_for_their_artifact() -> None:
    namespace = FakeNamespace(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1})
    namespace.users["shards"] = ("models/llama-2/0123456789abcdef", "models/llama/aaaaaaaaaaaaaaaa/sub")
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    namespace.settle()
    line = arguments(namespace)
    assert [line[at + 1] for at, one in enumerate(line) if one == "--in-use"] == ["aaaaaaaaaaaaaaaa"]


def test_a_check_while_a_pod_mounts_the_whole_volume_does_not_count_as_pruning() -> None:
    output = {"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1}
    namespace = FakeNamespace(output=output, recheck={"interval": "1h"})
    namespace.users["shards"] = ("",)
    namespace.run_to_ready()
    namespace.advance(3601)
    namespace.settle()
    assert "--history-limit" not in arguments(namespace)
    namespace.succeed()
    namespace.settle()
    assert namespace.status.maintenance.last_pruned is None
    assert namespace.status.maintenance.blocked_reason


def test_nothing_is_removed_while_a_pod_mounts_what_may_be_a_link() -> None:
    namespace = FakeNamespace(output=KEEP_ONE)
    namespace.worker.published.add(OLDER)
    namespace.users["shards"] = ("models/llama/current",)
    namespace.run_to_ready()
    assert namespace.worker.removed == []
    assert namespace.status.maintenance.blocked_reason
