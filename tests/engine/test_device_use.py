"""Where importing vLLM initializes CUDA, nothing is forked from that process: vLLM is imported again."""

import subprocess
import sys
from pathlib import Path

from shardwright_worker.contract.report import read_report
from tools.models import language

_RUN = """
import sys
from shardwright_worker.cli.main import run
from shardwright_worker.engine.child import warm_up
warm_up("tools.testing.device_user")  # the fork server is started once, and imports this instead
sys.exit(run(sys.argv[1:]))
"""


def test_engine_processes_import_vllm_again(output: Path, tmp_path: Path) -> None:
    source = language.llama(tmp_path / "source")
    arguments = ["shard", "--source", str(source), "--output", str(output), "--tensor-parallel-size", "2"]
    command = [sys.executable, "-c", _RUN, *arguments, "--verification", "load"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    report = read_report(ended.stdout.splitlines()[-1])
    assert report is not None
    assert report.artifact is not None
    assert report.artifact.verified_by == "Load"
    assert ended.stderr.count("vLLM initialized CUDA while it was imported") == 2  # to save, and to prove
