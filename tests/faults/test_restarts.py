"""Parts of the control plane die in the middle of the play and come back; the operator is not restarted."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.stage import ALONE, Theatre, created_twice, serving, stage
from tools.cluster.api import wait_until
from tools.testing.scenario import RESOURCES, End


@pytest.mark.parametrize(
    ("part", "how"),
    [
        ("kube-apiserver", signal.SIGKILL),
        ("etcd", signal.SIGKILL),
        # It takes its leave of all watches for 20 s.
        pytest.param("kube-apiserver", signal.SIGTERM, marks=pytest.mark.long),
    ],
)
def test_it_ends_as_on_a_good_day(
    theatre: Theatre, undisturbed: Mapping[str, End], part: str, how: signal.Signals
) -> None:
    with stage(theatre) as disturbed, serving(disturbed, ALONE) as (operator,):
        pid = operator.pid
        with ThreadPoolExecutor(1) as pool:
            play = pool.submit(disturbed.play)
            seen, namespace = theatre.witness.latest, disturbed.namespace.name
            # Who creates the resources is no operator, and does not try again.
            wait_until(lambda: len(seen(namespace, "resource")) == len(RESOURCES), "all resources", 60)
            wait_until(lambda: len(seen(namespace, "job")) >= 3, "the first Jobs", 60)
            theatre.plane.restart(part, how)
        assert play.result() == undisturbed
        assert created_twice(disturbed.proxy.record.calls) == []
        assert operator.running
        assert operator.pid == pid
