"""A worker that was killed while it downloaded."""

from __future__ import annotations

import subprocess
from pathlib import Path

from shardwright_worker.contract.naming import SOURCES_FOLDER
from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.process_cases import CHUNK, COMMAND, LARGE, last_report, prepare_command, start_and_hold
from tools.testing.hub_server import HubServer


def test_the_next_worker_resumes_the_partial_file(private_hub: HubServer, tmp_path: Path) -> None:
    process = start_and_hold(private_hub, tmp_path)
    process.kill()
    process.communicate()
    private_hub.faults.release.set()
    private_hub.faults.holds.clear()
    private_hub.requests.clear()
    done = subprocess.run([*COMMAND, *prepare_command(private_hub, tmp_path)], capture_output=True, text=True)
    assert last_report(done.stdout).reason == Reason.SUCCEEDED
    starts = [request.start for request in private_hub.requests if request.path.endswith(f"|{LARGE}")]
    assert starts == [CHUNK]
    folder = next((tmp_path / "v" / SOURCES_FOLDER).iterdir())
    assert (folder / LARGE).stat().st_size == 12 * 1024 * 1024
