"""The verifier's process: loads the shards like any server, with an observer beside the stock loader."""

import json
from pathlib import Path
from typing import Any

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.classify import classify
from shardwright_worker.engine.io_errors import Sides
from shardwright_worker.engine.messages import JOB, Answer, answering
from shardwright_worker.engine.rank_errors import watch_log
from shardwright_worker.engine.rank_exits import watching_ranks
from shardwright_worker.engine.ranks import heard
from shardwright_worker.engine.serving_arguments import serving_engine_arguments
from shardwright_worker.engine.tokenizer import processor_facts, tokenizer_facts
from shardwright_worker.engine.vllm_engine import Engine, frugal
from shardwright_worker.shard.engine_process import leave_without_rank
from shardwright_worker.verify.failed_proof import speaks_of_shards

_EXTENSION = "shardwright_worker.verify.load_observer.Extension"


def main(folder: Path) -> None:
    """Load the staged artifact as the folder's job says, and tell what was found."""
    job = json.loads((folder / JOB).read_text())
    with answering(folder, Sides(output=Path(job["artifact"]))) as answer:
        verify(job, EngineSettings.model_validate(job["engine"]), answer)


def verify(job: dict[str, Any], settings: EngineSettings, answer: Answer) -> None:
    """Load with the stock loader and a server's arguments; what nobody knows better is a failed verification."""
    artifact, scratch = Path(job["artifact"]), Path(job["scratch"])
    watch_log(scratch)
    failed = Reason.VERIFICATION_FAILED
    served = answer.guard(lambda: serving_engine_arguments(artifact, settings, job["file_pattern"]), failed)
    arguments = frugal(served, artifact, settings.world_size, _EXTENSION)
    config = answer.guard(arguments.create_engine_config, failed)
    reader = _reader_facts(config.model_config, set(job["reader"]), Sides(output=artifact))
    with watching_ranks(scratch, lambda: leave_without_rank(answer, scratch)):
        engine = answer.guard(lambda: Engine(arguments, config, job["answers"]), failed, scratch)
        digests = answer.guard(engine.digests, failed, scratch)
        answers = answer.guard(engine.answers, failed, scratch)
    found = {"tensors": heard(scratch, "tensors"), "runtime_digests": digests, "answers": answers}
    answer.finish({**found, "reader": reader})


def _reader_facts(model_config: Any, wanted: set[str], sides: Sides) -> dict[str, Any]:
    """The same facts that are known of the source's tokenizer and processor; or what is wrong with the artifact's."""
    facts: dict[str, Any] = {}
    try:
        if wanted:
            facts |= tokenizer_facts(model_config)
        if "processor" in wanted:
            facts |= processor_facts(model_config)
    except Exception as error:
        failure = classify(error, Reason.VERIFICATION_FAILED, sides)
        if not speaks_of_shards(failure):
            raise failure from error
        facts["error"] = f"{type(error).__name__}: {error}"[:2000]
    return facts
