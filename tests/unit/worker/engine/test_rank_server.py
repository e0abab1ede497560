"""Ranks are forked from a server that used no device. A module of the test takes the place of vLLM's executor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_EXECUTOR = "get_mp_context = None\nimport torch\ntorch.cuda.initialized = {initialized}\n"
_PLATFORMS = "class current_platform:\n    is_cpu = lambda: False\n"
_TORCH = """
import os

threads = 99, os.getpid()

def get_num_threads():
    return threads[0]

def set_num_threads(count):
    global threads
    threads = count, os.getpid()

class cuda:
    initialized = False

    def is_initialized():
        return cuda.initialized
"""
_MAIN = """
import logging
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from shardwright_worker.engine.rank_messages import RankFailed, RankPlan, plan_environment, read_rank_messages
from shardwright_worker.engine.rank_server import start_rank_server

FOLDER = Path(sys.argv[1])

def rank(pipe, code):
    if sys.argv[2:] == ["killed"]:
        time.sleep(600)
    import torch
    threads, process = torch.threads
    assert process == os.getpid(), "set in another process than the one that computes"
    pipe.send((os.environ.get("LATE"), os.getppid(), threads))
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
    if sys.argv[2:] == ["killed"]:
        print(*[one.pid for one in ranks], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    found = [reader.recv() for _ in ranks]
    assert [late for late, *_ in found] == ["set after the server was forked"] * 2, found
    assert {parent for _, parent, _ in found}.isdisjoint({os.getpid()}), "forked from this process"
    for one in ranks:
        one.join()
    print([one.exitcode for one in ranks])
    print([(at, one.error.type) for at, one in read_rank_messages(FOLDER, RankFailed).items()])
    print({threads for *_, threads in found})
"""


def _run(folder: Path, *words: str, initialized: bool = False, **environment: str) -> tuple[int, str]:
    """Return how the program ended, and what it has printed."""
    executor = folder / "vllm" / "v1" / "executor"
    executor.mkdir(parents=True)
    (executor / "multiproc_executor.py").write_text(_EXECUTOR.format(initialized=initialized))
    (folder / "vllm" / "platforms.py").write_text(_PLATFORMS)
    (folder / "torch.py").write_text(_TORCH)
    (folder / "main.py").write_text(_MAIN)
    temporary = folder / "tmp"
    temporary.mkdir()
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]), **environment}
    command = [sys.executable, "main.py", str(temporary), *words]
    printed = folder / "printed"  # not a pipe, which ranks that go on would keep open
    with printed.open("w") as file:
        ended = subprocess.run(command, cwd=folder, env=variables, stdout=file, check=False, timeout=60)
    return ended.returncode, printed.read_text()


def test_ranks_have_the_environment_of_their_start_and_report_how_they_end(tmp_path: Path) -> None:
    code, printed = _run(tmp_path)
    assert code == 0
    codes, failures, threads = printed.splitlines()
    assert threads == str({max(1, len(os.sched_getaffinity(0)) // 2)})
    assert codes == "[0, 7]"
    assert failures == "[(0, 'FileNotFoundError'), (1, 'FileNotFoundError')]", "vLLM reports them in its log alone"


def test_ranks_have_the_threads_that_the_user_asks_for(tmp_path: Path) -> None:
    assert _run(tmp_path, OMP_NUM_THREADS="3")[1].splitlines()[-1] == "{99}"


def test_no_server_is_forked_if_only_now_importing_vllm_initializes_cuda(tmp_path: Path) -> None:
    noted, found = _run(tmp_path, initialized=True)[1].splitlines()
    assert noted.startswith("CUDA is initialized already")
    assert found == "no server"


def test_no_server_is_forked_if_the_user_asks_vllm_to_spawn(tmp_path: Path) -> None:
    assert _run(tmp_path, VLLM_WORKER_MULTIPROC_METHOD="spawn") == (0, "no server\n")


def test_ranks_end_with_an_engine_process_that_is_killed(tmp_path: Path) -> None:
    code, printed = _run(tmp_path, "killed")
    assert code == -signal.SIGKILL
    ranks = [Path("/proc", number) for number in printed.split()]
    assert len(ranks) == 2
    limit = time.monotonic() + 20
    while time.monotonic() < limit and any(_runs(rank) for rank in ranks):
        time.sleep(0.05)
    try:
        assert not any(_runs(rank) for rank in ranks)
    finally:
        for rank in filter(_runs, ranks):
            os.kill(int(rank.name), signal.SIGKILL)


def _runs(process: Path) -> bool:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
