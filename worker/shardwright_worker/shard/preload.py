"""Imports all of vLLM that engine processes need, in the fork server from which they are forked; runs nothing."""

import gc
import signal
import sys

try:
    from shardwright_worker.engine.device_use import note_device_use
    from shardwright_worker.engine.environment import prepare_environment
    from shardwright_worker.engine.process_group import die_with_parent
    from shardwright_worker.engine.quick_import import without_compiler

    # The import takes many seconds. A terminal sends Ctrl-C to this process, too: it ends then without a traceback,
    # which the worker's message would be lost in. Once the import is done, the fork server ignores the signal:
    # https://github.com/python/cpython/blob/v3.11.7/Lib/multiprocessing/forkserver.py#L196
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with_parent()
    prepare_environment()

    gc.disable()  # thousands of modules are imported, and nearly nothing of that is garbage
    try:
        with without_compiler():
            import vllm.v1.executor.multiproc_executor
            import vllm.v1.worker.gpu_worker  # noqa: F401

            import shardwright_worker.shard.saving_loader  # noqa: F401
    finally:
        gc.freeze()  # so that no engine process reads, and by that copies, what all of them share
        gc.enable()
        note_device_use()
except ModuleNotFoundError:
    pass  # such as vLLM, without which an artifact can still be found
except Exception as error:
    # Each process that needs it imports it then, and reports what fails there.
    print(f"vLLM is imported by each process: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
