"""The expected result of each kind of model with each layout: exact, unless vLLM or the CPU does not support it."""

from __future__ import annotations

from pathlib import Path

from shardwright_worker.contract.progress_line import Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.part_names import STAGES_SINCE
from shardwright_worker.contract.vllm_support.releases import is_older
from tools.model_matrix.layouts import LAYOUTS

Result = tuple[str, str]  # result and stage
EXACT: Result = ("exact", "")
CPU, CPU_WITH_AMX = "cpu", "cpu-amx"  # names of machines in results
# Only the shard stage knows its vLLM version, and older ones do not find the parts of pipeline stages.
_NO_STAGES = (Reason.INVALID_ENGINE_ARGUMENTS.value, Stage.LOADING.value)
# A rank would have half of one of this model's blocks, which is found before anything is loaded.
_HALF_A_BLOCK = (Reason.INVALID_ENGINE_ARGUMENTS.value, Stage.PREPARING.value)
# vLLM's CPU build has no kernel for NVFP4, and needs AMX for FP8 in blocks: it fails to build the model.
_NO_KERNEL = (Reason.UNSUPPORTED_QUANTIZATION.value, Stage.LOADING.value)
# vLLM's CPU build loads these and fails to answer with them, from the source as well.
_SILENT = (Reason.UNSUPPORTED_MODEL.value, Stage.SAVING.value)
_SILENT_ON_CPU = ("Mamba", "Jamba")
# Before this release it had no MLA, and failed to answer with two more.
_COMPLETE_SINCE = "0.29"
_MLA, _SILENT_BEFORE = ("DeepSeek-V2", "DeepSeek-V3"), ("Gemma 3", "Mamba 2")
# It lacks the operator that prepares these weights for its kernels, after they are saved.
_NO_OPERATOR = (Reason.UNSUPPORTED_QUANTIZATION.value, Stage.SAVING.value)
_NO_OPERATOR_ON_CPU = ("Llama, FP8 per tensor (compressed-tensors)", "Llama, FP8 per tensor", "Llama, FP8 (ModelOpt)")
# vLLM has no pipeline stages for these, and says so when the model is configured.
_WITHOUT_STAGES = ("Mamba 2", "Whisper", "BERT", "BERT, classifier")
# vLLM looks for the tensors of all stages in each one: not from the source, either.
_BROKEN_STAGES = ("Granite hybrid",)
_BROKEN = (Reason.UNSUPPORTED_MODEL.value, Stage.LOADING.value)
# Since this release vLLM rejects groups in the order of activations, when it is configured.
_NO_ORDER_SINCE = "0.30"
_NO_ORDER = (Reason.UNSUPPORTED_QUANTIZATION.value, Stage.LOADING.value)


def this_cpu() -> str:
    """Return the name of this machine, without its GPUs, in results."""
    return CPU_WITH_AMX if "amx_tile" in Path("/proc/cpuinfo").read_text() else CPU


def expected_result(machine: str, vllm: str, kind: str, layout: str) -> Result:
    """Return the expected result and the stage at which it is reported. `machine`: its name in results."""
    if "would halve" in kind and LAYOUTS[layout].tensor > 1:
        return _HALF_A_BLOCK
    if LAYOUTS[layout].pipeline > 1:
        if is_older(vllm, STAGES_SINCE) or kind in _WITHOUT_STAGES:
            return _NO_STAGES
        if kind in _BROKEN_STAGES:
            return _BROKEN
    if "in order of activations" in kind and not is_older(vllm, _NO_ORDER_SINCE):
        return _NO_ORDER
    return _on_cpu(machine, vllm, kind, layout) if machine in (CPU, CPU_WITH_AMX) else EXACT


def _on_cpu(machine: str, vllm: str, kind: str, layout: str) -> Result:
    before = is_older(vllm, _COMPLETE_SINCE)
    if before and kind in _MLA:
        return _BROKEN
    if "NVFP4" in kind or (machine == CPU and "in blocks" in kind):
        return _NO_KERNEL
    if kind in _NO_OPERATOR_ON_CPU:
        return _NO_OPERATOR
    if (kind in _SILENT_ON_CPU or (before and kind in _SILENT_BEFORE)) and LAYOUTS[layout].answers("cpu"):
        return _SILENT
    return EXACT
