"""Greedy tokens from a whole vLLM engine, for the verification level `generate`."""

import json
from collections.abc import Callable
from pathlib import Path

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.shard.answer import JOB, answering
from shardwright_worker.shard.child import Child
from shardwright_worker.shard.engine import engine_arguments
from shardwright_worker.shard.request import ShardRequest

PROMPTS = ([1, 2, 3, 4, 5], [7, 11, 13, 17, 19, 23])
TOKENS = 16
LENGTH = 64  # of a prompt and its answer, at most
CACHE = 512 * 1024**2  # bytes for keys and values; a fixed size spares a vLLM that measures and warms up


def greedy_tokens(
    request: ShardRequest, model: Path, folder: Path, sharded: bool, on_look: Callable[[], None]
) -> list[list[int]]:
    """The tokens that this model writes after each prompt."""
    job = {
        "model": str(model),
        "engine": request.settings.model_dump(),
        "load_format": "sharded_state" if sharded else request.settings.extra_args.get("load_format", "auto"),
        "pattern": request.file_pattern if sharded else "",
    }
    child = Child("shardwright_worker.verify.generate", folder, job, {})
    tokens: list[list[int]] = child.wait(on_look)["tokens"]
    return tokens


def main(folder: Path) -> None:
    """Load the model as the folder's job says and write tokens."""
    with answering(folder) as answer:
        job = json.loads((folder / JOB).read_text())
        settings = EngineSettings.model_validate(job["engine"])
        from vllm import LLM, SamplingParams

        pattern = {"pattern": job["pattern"]} if job["pattern"] else {}
        arguments = engine_arguments(Path(job["model"]), settings, job["load_format"], "", pattern)
        arguments.max_model_len, arguments.max_num_seqs = LENGTH, len(PROMPTS)
        arguments.kv_cache_memory_bytes, arguments.gpu_memory_utilization = CACHE, 0.9
        llm = answer.guard(lambda: LLM.from_engine_args(arguments), Reason.VERIFICATION_FAILED)
        sampling = SamplingParams(temperature=0.0, max_tokens=TOKENS, ignore_eos=True, detokenize=False)
        prompts = [{"prompt_token_ids": prompt} for prompt in PROMPTS]
        outputs = answer.guard(lambda: llm.generate(prompts, sampling, use_tqdm=False), Reason.VERIFICATION_FAILED)
        answer.finish({"tokens": [list(one.outputs[0].token_ids) for one in outputs]})
