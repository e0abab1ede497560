"""The Lease: whatever another client has written into it, it expires, and what is written is valid."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from aiohttp import web

from shardwright_operator.kube.client import Client
from shardwright_operator.kube.credentials import Credentials
from shardwright_operator.runtime.election import LeaderElectionConfig, LeaderElector
from tests.runtime.clock import Clock
from tests.runtime.web import serving


@pytest.mark.parametrize(
    "found", ["15", [], {}, True, math.nan, math.inf, -1, 0, 10**30, 1e300, None, "x"], ids=lambda found: str(found)[:8]
)
async def test_a_lease_with_any_duration_and_transitions_is_acquired_in_the_end(found: Any) -> None:
    lease = {"metadata": {"name": "lease"}, "spec": {"holderIdentity": "other", "leaseTransitions": found}}
    lease["spec"]["leaseDurationSeconds"] = found
    written: list[Any] = []

    async def respond(request: web.Request) -> web.Response:
        if request.method == "PUT":
            written.append(await request.json())
        return web.Response(text=json.dumps(written[-1] if written else lease))

    async with serving(respond) as url:
        client, clock = Client(Credentials(url, lambda: None)), Clock()
        elector = LeaderElector(client, LeaderElectionConfig("ns", "lease"), "me", clock)
        assert not await elector.try_acquire_or_renew()
        clock.advance(600.1)
        assert await elector.try_acquire_or_renew()
        await client.close()
    assert written[0]["spec"]["holderIdentity"] == "me"
    assert 0 <= written[0]["spec"]["leaseTransitions"] < 2**31
