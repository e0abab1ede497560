"""Imports all of vLLM that engine processes need, in the fork server from which they are forked; runs nothing."""

import contextlib
import signal

# What fails here fails again, and is reported, in the process that needs it.
with contextlib.suppress(Exception):
    from shardwright_worker.engine.environment import prepare_environment
    from shardwright_worker.engine.process_group import die_with_parent

    # The import takes many seconds. A terminal sends Ctrl-C to this process, too: it ends then without a traceback,
    # which the worker's message would be lost in. Once the import is done, the fork server ignores the signal:
    # https://github.com/python/cpython/blob/v3.11.7/Lib/multiprocessing/forkserver.py#L196
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with_parent()
    prepare_environment()

    import shardwright_worker.shard.saving_loader  # noqa: F401
