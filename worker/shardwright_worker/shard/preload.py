"""Imports all of vLLM that engine processes need, in the fork server from which they are forked; runs nothing."""

import contextlib

# What fails here fails again, and is reported, in the process that needs it.
with contextlib.suppress(Exception):
    from shardwright_worker.engine.environment import prepare_environment

    prepare_environment()

    from shardwright_worker.engine.fork_ranks import name_device_capabilities

    name_device_capabilities()

    import shardwright_worker.shard.saving_loader  # noqa: F401
