"""What the server process imports before it forks: all of vLLM that an engine process needs, and nothing is run."""

import contextlib

# Whatever is wrong here is found again, and said, by the process that needs it.
with contextlib.suppress(Exception):
    from shardwright_worker.engine.environment import prepare_environment

    prepare_environment()

    import shardwright_worker.shard.loader  # noqa: F401
