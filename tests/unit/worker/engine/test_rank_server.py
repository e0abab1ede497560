"""Ranks are forked from a server that used no device. A module of the test takes the place of vLLM's executor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_EXECUTOR = "get_mp_context = None\nimport torch\ntorch.cuda.initialized = {initialized}\n"
_TORCH = """
class cuda:
    initialized = False

    def is_initialized():
        return cuda.initialized
"""
_MAIN = """
import logging
import os
import sys
import tempfile
from pathlib import Path

from shardwright_worker.engine.rank_messages import RankFailed, RankPlan, plan_environment, read_rank_messages
from shardwright_worker.engine.rank_server import start_rank_server

FOLDER = Path(sys.argv[1])

def rank(pipe, code):
    pipe.send((os.environ.get("LATE"), os.getppid()))
    try:
        os.stat("/no/such/device")
    except OSError:
        logging.getLogger("vllm").exception("WorkerProc failed to start.")
    sys.exit(code)

if __name__ == "__main__":
    tempfile.tempdir = str(FOLDER)
    plan = RankPlan(output=FOLDER, messages=FOLDER, file_pattern="", max_file_size=1, ranks=2, saves=True)
    os.environ.update(plan_environment(plan))
    start_rank_server(2)
    from vllm.v1.executor import multiproc_executor
    if multiproc_executor.get_mp_context is None:
        print("no server")
        sys.exit()
    context = multiproc_executor.get_mp_context()
    os.environ["LATE"] = "set after the server was forked"
    reader, writer = context.Pipe(duplex=False)
    ranks = [context.Process(target=rank, args=(writer, 7 * at), name=f"VllmWorker-{at}") for at in range(2)]
    for one in ranks:
        one.start()
    found = [reader.recv() for _ in ranks]
    assert [late for late, _ in found] == ["set after the server was forked"] * 2, found
    assert {parent for _, parent in found}.isdisjoint({os.getpid()}), "forked from this process"
    for one in ranks:
        one.join()
    print([one.exitcode for one in ranks])
    print([(at, one.error.type) for at, one in read_rank_messages(FOLDER, RankFailed).items()])
"""


def _run(folder: Path, initialized: bool) -> str:
    executor = folder / "vllm" / "v1" / "executor"
    executor.mkdir(parents=True)
    (executor / "multiproc_executor.py").write_text(_EXECUTOR.format(initialized=initialized))
    (folder / "torch.py").write_text(_TORCH)
    (folder / "main.py").write_text(_MAIN)
    temporary = folder / "tmp"
    temporary.mkdir()
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    command = [sys.executable, "main.py", str(temporary)]
    ended = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_ranks_have_the_environment_of_their_start_and_report_how_they_end(tmp_path: Path) -> None:
    codes, failures = _run(tmp_path, initialized=False).splitlines()
    assert codes == "[0, 7]"
    assert failures == "[(0, 'FileNotFoundError'), (1, 'FileNotFoundError')]", "vLLM reports them in its log alone"


def test_no_server_is_forked_if_only_now_importing_vllm_initializes_cuda(tmp_path: Path) -> None:
    noted, found = _run(tmp_path, initialized=True).splitlines()
    assert noted.startswith("CUDA is initialized already")
    assert found == "no server"
