"""The verifier's process: imports vLLM at once, waits until the shards are there, then loads them like any server."""

import json
import sys
from pathlib import Path
from typing import Any

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.shard.answer import Answer, answering
from shardwright_worker.shard.child import wait_for_go
from shardwright_worker.shard.engine import build_executor, engine_arguments, prepare_environment
from shardwright_worker.shard.rank import heard


def main() -> None:
    """Load the staged artifact as the job says, and tell what was found."""
    job = json.loads(Path(sys.argv[1]).read_text())
    settings = EngineSettings.model_validate(job["engine"])
    prepare_environment(settings.world_size)
    with answering(Path(sys.argv[1]).parent) as answer:
        go = wait_for_go()
        import shardwright_worker.verify.observer  # noqa: F401 - the import takes long and needs no shards

        go.wait()
        verify(job, settings, answer)


def verify(job: dict[str, Any], settings: EngineSettings, answer: Answer) -> None:
    """Load with the stock loader; what went wrong is a failed verification."""
    scratch = Path(job["scratch"])
    extension = "shardwright_worker.verify.observer.Extension"
    pattern = {"pattern": job["file_pattern"]} if job["file_pattern"] else {}
    arguments = engine_arguments(Path(job["staging"]), settings, "sharded_state", extension, pattern)
    config = answer.guard(arguments.create_engine_config, Reason.VERIFICATION_FAILED)
    executor = answer.guard(lambda: build_executor(config), Reason.VERIFICATION_FAILED)
    digests = dict(answer.guard(lambda: executor.collective_rpc("shardwright_digest"), Reason.VERIFICATION_FAILED))
    executor.shutdown()
    answer.finish({"tensors": heard(scratch, "tensors"), "runtime_digests": digests})


if __name__ == "__main__":
    main()
