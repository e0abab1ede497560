"""Watches: what is missing is waited for, what ends is started again, what hangs is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind
from shardwright_operator.runtime.informer import Informer
from shardwright_operator.runtime.kopf_settings import WatchTimeouts
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.permissions import PermissionCheck
from shardwright_operator.runtime.watch_supervisor import WatchSupervisor
from tools.cluster.api import wait_until
from tools.control_plane.control_plane import ControlPlane
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace, install_crd, remove_crd
from tools.testing.operator import Operator

QUICK_LEASE = ("--lease-duration=4", "--renew-deadline=3", "--retry-period=0.5", "--lease-namespace=default")


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
def fragile() -> Iterator[ControlPlane]:
    """A plane whose parts these tests stop."""
    with ControlPlane() as plane:
        yield plane


def test_a_missing_crd_is_named_and_waited_for(fragile: ControlPlane) -> None:
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
def test_a_crash_of_the_control_plane_is_survived(fragile: ControlPlane, part: str) -> None:
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


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """A server whose lists are empty and whose watches never answer."""
    never = asyncio.Event()

    async def respond(request: web.Request) -> web.Response:
        if "watch" in request.query:
            await never.wait()
        empty: object = {"metadata": {"resourceVersion": "1"}, "items": []}
        return web.json_response(DISCOVERY.get(request.path, empty))

    app = web.Application()
    app.router.add_route("GET", "/{path:.*}", respond)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    never.set()
    await runner.cleanup()


async def test_watches_that_never_answer_are_restarted_and_fail_the_health_check(silent: str) -> None:
    credentials, metrics = Credentials(silent, lambda: None), Metrics()
    client = Client(credentials)
    timeouts = WatchTimeouts(timeout=1.0, inactivity=0.3, margin=0.2)
    cache = Cache()
    informer = Informer(cache, lambda *_: None, metrics)
    watches = WatchSupervisor(credentials, PermissionCheck(client, ()), cache, informer, metrics, timeouts)
    running = asyncio.ensure_future(watches.run())

    async with asyncio.timeout(120):
        while not _restarts(metrics, "silent") or not watches.health():
            assert not running.done(), "the supervisor ended"
            await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()


def _restarts(metrics: Metrics, reason: str) -> float:
    return metrics.registry.get_sample_value("shardwright_watch_restarts_total", {"reason": reason}) or 0.0
