"""A worker process prints no secret, whatever the Hub client logs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.process_cases import COMMAND, last_report, prepare_command
from tools.testing.hub_handler import TOKEN
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import FIRST


def test_tokens_and_signatures_are_not_printed(private_hub: HubServer, tmp_path: Path) -> None:
    private_hub.faults.cuts[FIRST] = [100]  # makes the client log the signed URL
    private_hub.faults.wrong.add(FIRST)
    done = subprocess.run([*COMMAND, *prepare_command(private_hub, tmp_path)], capture_output=True, text=True)
    report = last_report(done.stdout)
    assert report.reason == Reason.TRANSFER_FAILED
    assert done.stderr.count("Trying to resume") == 1
    for secret in (TOKEN, "5d41402abc4b2a76b9719d911017c592", "AKIDEXAMPLE"):
        assert secret not in done.stdout + done.stderr


def test_credentials_of_an_endpoint_are_not_printed(private_hub: HubServer, tmp_path: Path) -> None:
    endpoint = private_hub.url.replace("http://", "http://me:pa55word@")
    command = ["prepare", "--repo", "org/model", "--endpoint", endpoint, "--output", str(tmp_path)]
    done = subprocess.run([*COMMAND, *command], capture_output=True, text=True)
    assert last_report(done.stdout).reason == Reason.SOURCE_UNAUTHORIZED
    assert "http://***@127.0.0.1" in done.stderr
    assert "pa55word" not in done.stdout + done.stderr
