"""The worker as a process that downloads from a private repository, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shardwright_worker.contract.naming import SOURCES_FOLDER
from shardwright_worker.contract.report import Report, read_report
from tools.testing.hub_handler import TOKEN
from tools.testing.hub_server import HubServer

COMMAND = [sys.executable, "-m", "shardwright_worker"]


LARGE = "large.safetensors"


CHUNK = 10 * 1024 * 1024  # bytes that the Hub client writes at a time


def last_report(text: str) -> Report:
    """Return the report in the last line of stdout."""
    report = read_report(text.splitlines()[-1])
    assert report is not None, text
    return report


def prepare_command(hub: HubServer, root: Path) -> list[str]:
    """Return the arguments of a prepare stage with the token in a file."""
    (root / "token").write_text(TOKEN + "\n")
    command = ["prepare", "--repo", "org/model", "--endpoint", hub.url]
    return [*command, "--token-file", str(root / "token"), "--output", str(root / "v")]


def start_and_hold(hub: HubServer, root: Path) -> subprocess.Popen[str]:
    """Start a worker whose download stops after 11 of 12 MiB."""
    hub.faults.holds[LARGE] = 11 * 1024 * 1024
    process = subprocess.Popen(
        [*COMMAND, *prepare_command(hub, root), "--report", str(root / "report")],
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
