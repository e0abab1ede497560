"""The verifier's process: loads the shards like any server, with an observer beside the stock loader."""

import json
from pathlib import Path
from typing import Any

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.shard.answer import JOB, Answer, answering
from shardwright_worker.shard.engine import Engine, engine_arguments
from shardwright_worker.shard.rank import heard
from shardwright_worker.shard.rank_failure import watch_log


def main(folder: Path) -> None:
    """Load the staged artifact as the folder's job says, and tell what was found."""
    with answering(folder) as answer:
        job = json.loads((folder / JOB).read_text())
        verify(job, EngineSettings.model_validate(job["engine"]), answer)


def verify(job: dict[str, Any], settings: EngineSettings, answer: Answer) -> None:
    """Load with the stock loader; what went wrong is a failed verification."""
    scratch = Path(job["scratch"])
    watch_log(scratch)
    extension = "shardwright_worker.verify.observer.Extension"
    pattern = {"pattern": job["file_pattern"]} if job["file_pattern"] else {}
    arguments = engine_arguments(Path(job["staging"]), settings, "sharded_state", extension, pattern)
    config = answer.guard(arguments.create_engine_config, Reason.VERIFICATION_FAILED)
    engine = answer.guard(lambda: Engine(arguments, config, job["writes"]), Reason.VERIFICATION_FAILED, scratch)
    digests = answer.guard(engine.digests, Reason.VERIFICATION_FAILED, scratch)
    tokens = answer.guard(engine.tokens, Reason.VERIFICATION_FAILED, scratch)
    answer.finish({"tensors": heard(scratch, "tensors"), "runtime_digests": digests, "tokens": tokens})
