"""A rank computes with several threads, whatever the process that it was forked from has set."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RANKS = 24  # torch fails in some of them alone
_MAIN = """
import sys
import tempfile

import torch

from shardwright_worker.engine.rank_server import start_rank_server

def rank():
    torch.ones(64, 65536, dtype=torch.int64).sum(dim=1)

if __name__ == "__main__":
    tempfile.tempdir = sys.argv[1]
    torch.set_num_threads(8)
    start_rank_server(2)
    from vllm.v1.executor import multiproc_executor

    context = multiproc_executor.get_mp_context()
    ranks = [context.Process(target=rank) for _ in range(int(sys.argv[2]))]
    for one in ranks:
        one.start()
    for one in ranks:
        one.join()
    print([one.exitcode for one in ranks])
"""


def test_ranks_compute_with_the_threads_of_the_engine_process(tmp_path: Path) -> None:
    program = tmp_path / "main.py"
    program.write_text(_MAIN)
    command = [sys.executable, str(program), str(tmp_path), str(RANKS)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ended.stdout.splitlines()[-1:] == [str([0] * RANKS)], ended.stderr[-2000:]
