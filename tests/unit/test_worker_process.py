"""The worker as a process: told to stop, killed, and what it says; no secret ever shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shardwright_worker.contract.naming import SOURCES_FOLDER
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import Report, read_report
from tools.testing.hub_handler import TOKEN
from tools.testing.hub_repository import Repository
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import FIRST, model_files

COMMAND = [sys.executable, "-m", "shardwright_worker"]
LARGE = "large.safetensors"
CHUNK = 10 * 1024 * 1024  # the hub client writes so many bytes at a time


def last_report(text: str) -> Report:
    report = read_report(text.splitlines()[-1])
    assert report is not None, text
    return report


@pytest.fixture
def hub() -> Iterator[HubServer]:
    files = model_files()
    files[LARGE] = b"\0" * (12 * 1024 * 1024)
    with HubServer(org__model=Repository(files, private=True)) as running:
        yield running


def hub_words(hub: HubServer, root: Path) -> list[str]:
    (root / "token").write_text(TOKEN + "\n")
    words = ["prepare", "--repo", "org/model", "--endpoint", hub.url]
    return [*words, "--token-file", str(root / "token"), "--output", str(root / "v")]


def test_secrets_never_show(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.cuts[FIRST] = [100]  # makes the client log the signed URL
    hub.faults.wrong.add(FIRST)
    done = subprocess.run([*COMMAND, *hub_words(hub, tmp_path)], capture_output=True, text=True)
    report = last_report(done.stdout)
    assert report.reason == Reason.TRANSFER_FAILED
    assert done.stderr.count("Trying to resume") == 1
    for secret in (TOKEN, "5d41402abc4b2a76b9719d911017c592", "AKIDEXAMPLE"):
        assert secret not in done.stdout + done.stderr


def test_credentials_in_an_endpoint_never_show(hub: HubServer, tmp_path: Path) -> None:
    endpoint = hub.url.replace("http://", "http://me:pa55word@")
    words = ["prepare", "--repo", "org/model", "--endpoint", endpoint, "--output", str(tmp_path)]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True)
    assert last_report(done.stdout).reason == Reason.SOURCE_UNAUTHORIZED
    assert "http://***@127.0.0.1" in done.stderr
    assert "pa55word" not in done.stdout + done.stderr


def start_and_hold(hub: HubServer, root: Path) -> subprocess.Popen[str]:
    """A worker whose download stands still after 11 of 12 MiB."""
    hub.faults.holds[LARGE] = 11 * 1024 * 1024
    process = subprocess.Popen(
        [*COMMAND, *hub_words(hub, root), "--report", str(root / "report")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    while process.poll() is None:
        arrived = [path.stat().st_size for path in (root / "v" / SOURCES_FOLDER).glob(f"*.partial/{LARGE}")]
        if arrived and arrived[0] >= CHUNK:
            return process
        hub.faults.holding.wait(0.05)
    raise AssertionError(f"the worker ended: {process.communicate()}")


def test_told_to_stop_it_stops_and_says_so(hub: HubServer, tmp_path: Path) -> None:
    process = start_and_hold(hub, tmp_path)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 70
    assert last_report(out).reason == Reason.DISRUPTED
    assert "Traceback" not in err
    assert read_report((tmp_path / "report").read_text()) == last_report(out)


def test_a_stage_that_does_not_let_itself_be_stopped_is_left(tmp_path: Path) -> None:
    code = f"""
import sys, time, shardwright_worker.reporting.shutdown as ending, shardwright_worker.artifact.check as check
from shardwright_worker.cli.main import main
ending.GRACE = 0.2
def stubborn(*_):
    print("ready", flush=True)
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
check.check_artifact = stubborn
sys.argv = ["worker", "check", "/x", "--report", {str(tmp_path / "report")!r}]
main()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 70
    assert last_report(out).reason == Reason.DISRUPTED
    assert read_report((tmp_path / "report").read_text()) == last_report(out)


def test_killed_it_goes_on_where_it_stopped(hub: HubServer, tmp_path: Path) -> None:
    process = start_and_hold(hub, tmp_path)
    process.kill()
    process.communicate()
    hub.faults.release.set()
    hub.faults.holds.clear()
    hub.requests.clear()
    done = subprocess.run([*COMMAND, *hub_words(hub, tmp_path)], capture_output=True, text=True)
    assert last_report(done.stdout).reason == Reason.SUCCEEDED
    starts = [request.start for request in hub.requests if request.path.endswith(f"|{LARGE}")]
    assert starts == [CHUNK]
    folder = next((tmp_path / "v" / SOURCES_FOLDER).iterdir())
    assert (folder / LARGE).stat().st_size == 12 * 1024 * 1024
