"""A worker process that receives a signal ends in time, and with a report."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import read_report
from tests.unit.worker.process_cases import last_report, start_and_hold
from tools.testing.hub_server import HubServer


def test_sigterm_ends_the_work_with_a_report(private_hub: HubServer, tmp_path: Path) -> None:
    process = start_and_hold(private_hub, tmp_path)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 70
    assert last_report(out).reason == Reason.DISRUPTED
    assert "Traceback" not in err
    assert read_report((tmp_path / "report").read_text()) == last_report(out)


def test_a_stage_that_ignores_the_signal_is_forced_to_exit(tmp_path: Path) -> None:
    code = f"""
import sys, time, shardwright_worker.reporting.shutdown as shutdown, shardwright_worker.artifact.check as check
from shardwright_worker.cli.main import main
shutdown.GRACE = 0.2
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
