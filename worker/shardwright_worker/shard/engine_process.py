"""The engine's process: bad arguments fail before a device is touched, then the ranks load, and save if they shall."""

import json
import os
from pathlib import Path
from typing import Any

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.quantization import UNSAVABLE
from shardwright_worker.engine.compat import quantizes_online, refuse_names, vllm_version
from shardwright_worker.engine.io_errors import Sides
from shardwright_worker.engine.messages import JOB, Answer, answering
from shardwright_worker.engine.rank_errors import watch_log
from shardwright_worker.engine.rank_exits import watching_ranks
from shardwright_worker.engine.ranks import heard, plan_from_environment
from shardwright_worker.engine.serving_arguments import serving_engine_arguments
from shardwright_worker.engine.tokenizer import has_tokenizer, processor_facts, tokenizer_facts
from shardwright_worker.engine.vllm_engine import Engine, engine_arguments


def main(folder: Path) -> None:
    """Load and save as the folder's job says."""
    job = json.loads((folder / JOB).read_text())
    with answering(folder, Sides(Path(job["source"]), Path(job["output"]))) as answer:
        shard(job, answer)


def shard(job: dict[str, Any], answer: Answer) -> None:
    """Configure, load and save, then tell what a manifest needs to know of the engine."""
    settings = EngineSettings.model_validate(job["engine"])
    source, scratch = Path(job["source"]), Path(job["scratch"])
    watch_log(scratch)
    invalid = Reason.INVALID_ENGINE_ARGUMENTS
    answer.guard(lambda: serving_engine_arguments(source, settings, job["file_pattern"]), invalid)
    arguments = answer.guard(lambda: _arguments(job, settings), invalid)
    config = answer.guard(arguments.create_engine_config, invalid)
    _refuse(config, job["answers"])
    reader = _reader_facts(source, config.model_config, answer)
    facts = facts_of(config)  # before a model is built, which renames what the configuration lists
    with watching_ranks(scratch, lambda: leave_without_rank(answer, scratch)):
        unexpected = Reason.UNEXPECTED_ERROR
        engine = answer.guard(lambda: Engine(arguments, config, job["answers"]), unexpected, scratch)
        digests = answer.guard(engine.digests, unexpected, scratch)
        answers = answer.guard(engine.answers, unexpected, scratch)
    told = {"engine": facts, "runtime_digests": digests, "answers": answers, "reader": reader}
    answer.finish({**told, "ranks": heard(scratch, "saved")})


def leave_without_rank(answer: Answer, scratch: Path) -> None:
    """A rank is gone, and vLLM waits for it: say so, and end."""

    def wait_no_longer() -> None:
        raise TimeoutError("vLLM waits for a rank that has ended")

    try:
        answer.guard(wait_no_longer, Reason.UNEXPECTED_ERROR, scratch)
    except WorkerFailure as failure:
        answer.fail(failure)
    os._exit(1)


def _reader_facts(source: Path, model_config: Any, answer: Answer) -> dict[str, Any]:
    """What the source's tokenizer and processor make of texts. A tokenizer that is there must load, for it is served.

    A processor that does not load is none: not every multimodal model can be used without further arguments.
    """
    if not has_tokenizer(source):
        return {}
    facts = answer.guard(lambda: tokenizer_facts(model_config), Reason.SOURCE_CORRUPT)
    try:
        return {**facts, **processor_facts(model_config)}
    except Exception as error:
        print(f"the source's processor is not compared: {type(error).__name__}: {error}", flush=True)
        return facts


def _arguments(job: dict[str, Any], settings: EngineSettings) -> Any:
    import shardwright_worker.shard.loader as loader

    source_format = settings.extra_args.get("load_format", "auto")
    return engine_arguments(
        Path(job["source"]),
        settings,
        loader.LOAD_FORMAT,
        f"{loader.__name__}.{loader.Extension.__name__}",
        {"source_load_format": source_format} if source_format != "auto" else {},
    )


def _refuse(config: Any, answers: bool) -> None:
    """What can be configured but not kept in shards, or not proven as it was asked for."""
    from vllm.platforms import current_platform

    parallel, model = config.parallel_config, config.model_config
    if parallel.data_parallel_size > 1 or getattr(parallel, "prefill_context_parallel_size", 1) > 1:
        message = "data and prefill-context parallel sizes must be 1: parts of different ranks would share a name"
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)
    if answers and current_platform.is_cpu() and parallel.pipeline_parallel_size > 1:
        message = "vLLM's CPU build cannot generate over pipeline stages: choose verification load"
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)
    if answers and model.runner_type != "generate" and not has_tokenizer(Path(model.model)):
        message = "the source has no tokenizer, which vLLM needs to ask a pooling model: choose verification load"
        raise WorkerFailure(Reason.SOURCE_INCOMPLETE, message)
    refuse_names(plan_from_environment().file_pattern, parallel.pipeline_parallel_size, vllm_version())
    if config.lora_config or config.speculative_config:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, "LoRA and speculative models cannot be saved as shards")
    if quantizes_online(config.quant_config):
        message = f"quantization {model.quantization} is done while loading, which shards cannot hold"
        raise WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, f"{message}: use a checkpoint that is quantized already")
    if why := UNSAVABLE.get(model.quantization or ""):
        message = f"quantization {model.quantization} cannot be saved as shards: {why}"
        raise WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, message)


def facts_of(config: Any) -> dict[str, Any]:
    """What the manifest says of the engine."""
    import safetensors
    import torch
    import transformers
    from vllm.platforms import current_platform

    from shardwright_worker.shard.copy_metadata import inferred_quantization

    device = current_platform.get_device_name() if current_platform.is_cuda_alike() else current_platform.device_type
    kernels = getattr(config, "kernel_config", None)
    backends = {name: str(getattr(kernels, name, "") or "") for name in ("moe_backend", "linear_backend")}
    return {
        **backends,
        "vllm_version": vllm_version(),
        "torch_version": torch.__version__,
        "transformers_version": transformers.__version__,
        "safetensors_version": safetensors.__version__,
        "accelerator": str(device),
        "dtype": str(config.model_config.dtype).removeprefix("torch."),
        "quantization": config.model_config.quantization or "",
        "quantization_lists": inferred_quantization(config.quant_config),
    }
