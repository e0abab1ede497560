"""Watches: what is missing is waited for, what ends is started again, what hangs is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.indexer import Cache
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind
from shardwright_operator.kube.kubeconfig import Login
from shardwright_operator.runtime.informer import Intake
from shardwright_operator.runtime.kopf_settings import Times
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.permissions import Preflight
from shardwright_operator.runtime.watch_supervisor import Watch
from tools.cluster.api import wait_until
from tools.control_plane.plane import Plane
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace, install_crd, remove_crd
from tools.testing.operator import Operator
from tools.testing.service_accounts import create_service_account, grant

QUICK_LEASE = ("--lease-duration=4", "--renew-deadline=3", "--retry-period=0.5", "--lease-namespace=default")
RULES = [
    {"apiGroups": ["shardwright.io"], "resources": ["shardedcheckpoints"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["shardwright.io"], "resources": ["shardedcheckpoints/status"], "verbs": ["patch"]},
    {
        "apiGroups": ["batch"],
        "resources": ["jobs"],
        "verbs": ["get", "list", "watch", "create", "patch", "delete"],
    },
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {
        "apiGroups": [""],
        "resources": ["persistentvolumeclaims"],
        "verbs": ["get", "list", "watch", "create"],
    },
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["get", "list", "create", "patch"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
]


def _served(*kinds: Kind) -> dict[str, object]:
    common = {"namespaced": True, "verbs": ["list", "watch"]}
    return {"resources": [{"name": one.plural, "singularName": "", "kind": one.kind, **common} for one in kinds]}


def _group(kind: Kind) -> dict[str, object]:
    version = {"version": kind.version, "groupVersion": kind.api_version}
    return {"name": kind.group, "versions": [version], "preferredVersion": version}


DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/apis": {"groups": [_group(JOBS), _group(CHECKPOINTS)]},
    "/api/v1": _served(PODS, CLAIMS),
    "/apis/batch/v1": _served(JOBS),
    "/apis/shardwright.io/v1alpha1": _served(CHECKPOINTS),
}


@pytest.fixture(scope="module")
def fragile() -> Iterator[Plane]:
    """A plane whose parts these tests break."""
    with Plane() as plane:
        yield plane


def test_a_missing_definition_is_said_and_waited_for(fragile: Plane) -> None:
    with Operator(fragile.kubeconfig, *QUICK_LEASE) as operator, Kubelet(fragile.api):
        wait_until(lambda: "is not installed; apply the crds/" in operator.log(), "the message", 60)
        assert (operator.probe("/healthz"), operator.probe("/readyz")) == (200, 503)
        install_crd(fragile.api)
        operator.wait_ready()
        namespace = Namespace(fragile.api)
        namespace.create("model")
        namespace.wait("model")
        remove_crd(fragile.api)
        wait_until(lambda: operator.log().count("is not installed") >= 2, "the message again", 120)
        assert operator.probe("/healthz") == 200
        install_crd(fragile.api)
        namespace.create("again")
        namespace.wait("again")


@pytest.mark.parametrize("part", ["kube-apiserver", "etcd"])
def test_a_crash_of_the_control_plane_is_survived(fragile: Plane, part: str) -> None:
    install_crd(fragile.api)
    namespace = Namespace(fragile.api)
    with Operator(fragile.kubeconfig, *QUICK_LEASE) as operator, Kubelet(fragile.api):
        operator.wait_ready()
        process = operator.pid
        namespace.create("before")
        namespace.wait("before")
        fragile.stop(part)
        fragile.start(part)
        fragile.wait_ready()
        namespace.create("after")
        namespace.wait("after", seconds=300)
        assert operator.running
        assert operator.pid == process
        assert operator.probe("/healthz") == 200
        assert len(namespace.jobs("before")) == len(namespace.jobs("after")) == 2


def test_a_namespace_that_may_not_be_read_does_not_stop_the_others(served: Plane, tmp_path: Path) -> None:
    mine, closed = Namespace(served.api), Namespace(served.api)
    kubeconfig = create_service_account(served, mine.name, "operator", tmp_path / "kubeconfig")
    account = (mine.name, "operator")
    grant(served, account, mine.name, "operator", RULES)
    options = (f"--namespaces={mine.name},{closed.name}", *QUICK_LEASE[:3])
    with Operator(kubeconfig, *options) as operator, Kubelet(served.api):
        operator.wait_ready()
        mine.create("model")
        mine.wait("model")
        said = f"no permission to list shardedcheckpoints.shardwright.io in namespace {closed.name}"
        assert said in operator.log()
        grant(served, account, closed.name, "operator", RULES)
        closed.create("model")
        closed.wait("model")


@pytest.fixture
async def mute() -> AsyncIterator[str]:
    """A server whose lists are empty and whose watches never say a word."""
    never = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if "watch" in request.query:
            await never.wait()
        empty: object = {"metadata": {"resourceVersion": "1"}, "items": []}
        return web.json_response(DISCOVERY.get(request.path, empty))

    app = web.Application()
    app.router.add_route("GET", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    never.set()
    await runner.cleanup()


async def test_watches_that_never_answer_are_started_anew_and_noticed(mute: str) -> None:
    login, metrics = Login(mute, lambda: None), Metrics()
    client = Client(login)
    times = Times(timeout=1.0, silence=0.3, margin=0.2)
    cache = Cache()
    intake = Intake(cache, lambda *_: None, metrics)
    watch = Watch(login, Preflight(client, ()), cache, intake, metrics, times)
    running = asyncio.ensure_future(watch.run())

    async def until(what: str) -> None:
        while not _restarts(metrics, "silent") or not watch.health():
            assert not running.done(), what
            await asyncio.sleep(0.1)

    await asyncio.wait_for(until("the watch ended"), 120)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()


def _restarts(metrics: Metrics, reason: str) -> float:
    return metrics.registry.get_sample_value("shardwright_watch_restarts_total", {"reason": reason}) or 0.0
