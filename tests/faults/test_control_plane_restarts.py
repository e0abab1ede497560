"""Components of the control plane are killed in the middle of the scenario; the operator is not restarted."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.testbed import NO_ELECTION, SharedCluster, jobs_created_twice, new_testbed, running_operators
from tools.cluster.api import wait_until
from tools.testing.scenario import RESOURCES, FinalState


@pytest.mark.parametrize(
    ("component", "how"),
    [
        ("kube-apiserver", signal.SIGKILL),
        ("etcd", signal.SIGKILL),
        # It drains its watches for 20 s.
        pytest.param("kube-apiserver", signal.SIGTERM, marks=pytest.mark.long),
    ],
)
def test_final_states_are_those_of_the_baseline(
    cluster: SharedCluster, baseline: Mapping[str, FinalState], component: str, how: signal.Signals
) -> None:
    with new_testbed(cluster) as testbed, running_operators(testbed, NO_ELECTION) as (operator,):
        pid = operator.pid
        with ThreadPoolExecutor(1) as pool:
            states = pool.submit(testbed.run)
            latest, namespace = cluster.recorder.latest, testbed.namespace.name
            # The scenario itself does not retry the creation of its resources.
            wait_until(lambda: len(latest(namespace, "resource")) == len(RESOURCES), "all resources", 60)
            wait_until(lambda: len(latest(namespace, "job")) >= 3, "the first Jobs", 60)
            cluster.plane.restart(component, how)
        assert states.result() == baseline
        assert jobs_created_twice(testbed.proxy.log.requests) == []
        assert operator.running
        assert operator.pid == pid
