"""Forks the ranks from a process that has vLLM imported and has used no device; by itself vLLM spawns most ranks.

    engine process --fork--> rank server --fork--> ranks

A spawned rank imports vLLM again, which takes longer than loading most models. A rank cannot be forked from the engine
process itself: as soon as anything that vLLM imports there has initialized CUDA, such as FlashInfer, CUDA fails in the
forked process. The server is forked before, and serves with multiprocessing's own loop.
"""

import os
import socket
import tempfile
import threading
from multiprocessing import forkserver, popen_forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from shardwright_worker.engine.device_use import uses_device
from shardwright_worker.engine.process_group import die_with_parent
from shardwright_worker.engine.rank_errors import watch_log_of_rank
from shardwright_worker.engine.torch_threads import set_threads

_KEY = 32  # bytes of the key that clients of the server have, where Python asks for one


def start_rank_server(ranks: int) -> None:
    """Start the server, and let vLLM start its ranks with it. To be called before this process uses a device.

    One rank needs none: it runs in this process. vLLM spawns its ranks if importing it has used a device, and if its
    variable asks for that, as a user may whose plugin uses a device in a way that torch does not notice.
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/utils/system_utils.py#L164
    """
    if ranks == 1 or os.environ.get("VLLM_WORKER_MULTIPROC_METHOD") == "spawn":
        return
    from vllm.v1.executor import multiproc_executor

    # After the import: a process that was not forked from one that has vLLM imports it only now.
    if uses_device():
        print("CUDA is initialized already: ranks are spawned, and each imports vLLM again", flush=True)
        return
    _RankProcess.threads = _threads_of(ranks)
    _start()
    multiproc_executor.get_mp_context = _RankContext


def _start() -> None:
    """Fork the server, and make it the one that multiprocessing uses in this process.

    https://github.com/python/cpython/blob/v3.12.11/Lib/multiprocessing/forkserver.py#L100
    """
    # In a folder that only this user may enter: a process that reaches the socket may run code here (CVE-2022-42919).
    address = str(Path(tempfile.gettempdir(), "rank-server"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    server: Any = forkserver._forkserver
    key = _share_key(server)
    alive_reader, alive_writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(alive_writer)
        _serve(listener, alive_reader, key)
    for one in (alive_reader, *key.values()):
        os.close(one)
    listener.close()
    server._forkserver_address, server._forkserver_alive_fd, server._forkserver_pid = address, alive_writer, pid


def _threads_of(ranks: int) -> int:
    """Return the number of threads of each rank: its share of the cores, as vLLM does where it forks ranks itself.

    Ranks on a CPU bind themselves to cores.
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/executor/multiproc_executor.py#L1109
    """
    import torch
    from vllm.platforms import current_platform

    if current_platform.is_cpu() or "OMP_NUM_THREADS" in os.environ:
        return int(torch.get_num_threads())
    return max(1, len(os.sched_getaffinity(0)) // ranks)


def _share_key(server: Any) -> dict[str, Any]:
    """Make the key that Python 3.14 asks clients for; return the argument from which the server reads it.

    https://github.com/python/cpython/blob/v3.14.0/Lib/multiprocessing/forkserver.py
    """
    if not hasattr(server, "_forkserver_authkey"):
        return {}
    reader, writer = os.pipe()
    server._forkserver_authkey = os.urandom(_KEY)
    os.write(writer, server._forkserver_authkey)
    os.close(writer)
    return {"authkey_r": reader}


def _serve(listener: socket.socket, alive: int, key: dict[str, Any]) -> None:
    code = 1
    try:
        die_with_parent()
        forkserver.main(listener.detach(), alive, [], **key)
    except SystemExit:
        code = 0  # the engine process and all ranks have ended
    finally:
        os._exit(code)


class _Popen(popen_forkserver.Popen):
    """Lets several threads wait for one rank: its exit code can be read only once."""

    def __init__(self, process: Any) -> None:
        self._reading = threading.Lock()
        super().__init__(process)

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code, None while the rank runs."""
        with self._reading:
            code: int | None = super().poll(flag)
            return code


class _RankProcess(ForkServerProcess):
    """Has the environment that the engine process has when the rank is started, as a spawned process would."""

    threads: int
    _environment: dict[str, str]
    _server: int

    @staticmethod
    def _Popen(process: Any) -> Any:  # noqa: N802
        return _Popen(process)

    def start(self) -> None:
        """Start the rank."""
        server: Any = forkserver._forkserver
        self._environment, self._server = dict(os.environ), server._forkserver_pid
        super().start()

    def run(self) -> None:
        """Run in the rank, which ends with the server, and so with the engine process."""
        die_with_parent()
        if os.getppid() != self._server:
            os._exit(1)  # it had ended before
        os.environ.clear()
        os.environ.update(self._environment)
        set_threads(self.threads)
        watch_log_of_rank()  # the modules that do so when they are imported were imported before the fork
        super().run()


class _RankContext(ForkServerContext):
    Process = _RankProcess
