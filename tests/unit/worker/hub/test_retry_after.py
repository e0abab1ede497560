"""Waits that the Hub asks for."""

from __future__ import annotations

import email.utils
import time
from pathlib import Path

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.hub.retry_after import MAX_WAIT, retry_after_seconds
from shardwright_worker.reporting.final_report import failure_report
from tests.unit.worker.hub_cases import failure, prepare, repository
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import SECOND

DAY = 24 * 3600


def test_reports_a_long_wait_instead_of_waiting(hub: HubServer, tmp_path: Path) -> None:
    for path in ("/api/models", f"/resolve/{repository(hub).commit}/config.json", f"|{SECOND}"):
        hub.faults.statuses = {path: 429}
        hub.faults.retry_after = "300"
        started = time.monotonic()
        failed = failure(hub, tmp_path / path.strip("/|"))
        assert time.monotonic() - started < 20
        assert failed.reason == Reason.SOURCE_UNAVAILABLE
        assert "with Retry-After 300 seconds, until 20" in failed.message
        assert failure_report("Prepare", failed, set()).retry_after_seconds == 300


def test_waits_for_a_short_time(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.statuses, hub.faults.retry_after, hub.faults.failures = {"/api/models": 503}, "0", 2
    assert prepare(hub, tmp_path).files
    hub.faults.statuses, hub.faults.failures = {f"|{SECOND}": 429}, 1
    assert prepare(hub, tmp_path / "other").files


def test_parses_the_headers() -> None:
    assert retry_after_seconds({"retry-after": "120"}) == 120
    assert retry_after_seconds({"Retry-After": "1.5"}) == 1.5
    in_a_minute = retry_after_seconds({"Retry-After": email.utils.formatdate(time.time() + 60, usegmt=True)})
    assert in_a_minute is not None
    assert 55 < in_a_minute <= 60
    assert retry_after_seconds({"Retry-After": email.utils.formatdate(time.time() - DAY, usegmt=True)}) == 0
    assert retry_after_seconds({"RateLimit": '"api";r=0;t=55'}) == 55
    assert retry_after_seconds({"RateLimit": '"api";r=3;t=55'}) is None
    for absurd in ("9" * 300, "9" * 400, "1" + "0" * 12, email.utils.formatdate(time.time() + 1000 * DAY, usegmt=True)):
        assert retry_after_seconds({"Retry-After": absurd}) == MAX_WAIT
    for invalid in ("", "soon", "-1", "nan", "inf", "1e9", "Wed, 99 Foo 2015 77:28:00 GMT"):
        assert retry_after_seconds({"Retry-After": invalid}) is None
