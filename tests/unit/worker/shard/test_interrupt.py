"""Ctrl-C while vLLM is imported ends every process at once, leaves nothing behind, and prints one line."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from shardwright_worker.contract.naming import STAGING_FOLDER
from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.process_cases import COMMAND, last_report
from tools.testing.tiny_files import model_files, write_files

# In place of vLLM and torch, whichever is imported first: an import that takes long.
_SLOW = "import os, pathlib, time\npathlib.Path(os.environ['IMPORTING']).write_text(str(os.getpid()))\ntime.sleep(60)\n"


def _wait_for(path: Path, process: subprocess.Popen[str]) -> int:
    """Return the id of the process that writes it into the file."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit and process.poll() is None:
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.02)
    raise AssertionError(f"the worker did not import: {process.communicate()}")


def _is_running(pid: int) -> bool:
    """Return whether the process runs; one that has ended may be left for its new parent to collect."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    source, output = write_files(tmp_path / "model", model_files()), tmp_path / "out"
    for package in ("torch", "vllm"):
        write_files(tmp_path / "lib" / package, {"__init__.py": _SLOW.encode()})
    importing = tmp_path / "importing"
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(tmp_path / "lib")]
    process = subprocess.Popen(
        [*COMMAND, "shard", "--source", str(source), "--output", str(output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(paths), "IMPORTING": str(importing)},
        start_new_session=True,
    )
    importer = _wait_for(importing, process)
    assert list((output / STAGING_FOLDER).iterdir())
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does: to every process of the foreground group
    else:
        process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, last_report(out).reason) == (70, Reason.DISRUPTED)
    assert err == f"Shard stopped: the worker was terminated by {number.name}. The same command starts it again.\n"
    assert list(output.iterdir()) == []
    assert not _is_running(importer)
