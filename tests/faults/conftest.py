"""The control plane of these tests, and the baseline: the scenario without a fault, with which all others compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from tests.faults.testbed import NO_ELECTION, SharedCluster, new_testbed, running_operators, shared_cluster
from tools.testing.api_requests import ApiRequest
from tools.testing.scenario import FinalState


@pytest.fixture(scope="session")
def cluster() -> Iterator[SharedCluster]:
    """A control plane with simulated pods and a history recorder."""
    with shared_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def baseline_run(cluster: SharedCluster) -> tuple[Mapping[str, FinalState], Sequence[ApiRequest]]:
    """The final states without a fault, and the requests that led to them."""
    with new_testbed(cluster) as testbed, running_operators(testbed, NO_ELECTION):
        return testbed.run(), testbed.proxy.log.requests


@pytest.fixture(scope="session")
def baseline(baseline_run: tuple[Mapping[str, FinalState], Sequence[ApiRequest]]) -> Mapping[str, FinalState]:
    """The final states without a fault."""
    return baseline_run[0]
