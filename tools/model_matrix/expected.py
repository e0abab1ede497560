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
# Only the shard stage knows its vLLM version, and older ones do not find the parts of pipeline stages.
_NO_STAGES = (Reason.INVALID_ENGINE_ARGUMENTS.value, Stage.LOADING.value)
# A rank would have half of one of this model's blocks, which is found before anything is loaded.
_HALF_A_BLOCK = (Reason.INVALID_ENGINE_ARGUMENTS.value, Stage.PREPARING.value)
# vLLM's CPU build has no kernel for NVFP4, and needs AMX for FP8 in blocks: it fails to build the model.
_NO_KERNEL = (Reason.UNSUPPORTED_QUANTIZATION.value, Stage.LOADING.value)
# vLLM's CPU build loads these and fails to answer with them, from the source as well: it lacks kernels.
_SILENT = (Reason.UNSUPPORTED_MODEL.value, Stage.SAVING.value)
_NO_OPERATOR = (Reason.UNSUPPORTED_QUANTIZATION.value, Stage.SAVING.value)
_NOT_ANSWERING_ON_CPU: dict[str, Result] = {
    "Mamba": _SILENT,
    "Jamba": _SILENT,
    "Qwen3-MoE, FP8 in blocks": _SILENT,
    "Llama, FP8 per tensor (compressed-tensors)": _NO_OPERATOR,
    "Llama, FP8 per tensor": _NO_OPERATOR,
    "Llama, FP8 (ModelOpt)": _NO_OPERATOR,
}
# Since this release vLLM rejects groups in the order of activations, when it is configured.
_NO_ORDER_SINCE = "0.30"
_NO_ORDER = (Reason.UNSUPPORTED_QUANTIZATION.value, Stage.LOADING.value)


CPU, CPU_WITH_AMX = "cpu", "cpu-amx"  # names of machines in results


def this_cpu() -> str:
    """Return the name of this machine, without its GPUs, in results."""
    return CPU_WITH_AMX if "amx_tile" in Path("/proc/cpuinfo").read_text() else CPU


def expected_result(machine: str, vllm: str, kind: str, layout: str) -> Result:
    """Return the expected result and the stage at which it is reported. `machine`: its name in results."""
    device = "cpu" if machine in (CPU, CPU_WITH_AMX) else "cuda"
    if "would halve" in kind and LAYOUTS[layout].tensor > 1:
        return _HALF_A_BLOCK
    if LAYOUTS[layout].pipeline > 1 and is_older(vllm, STAGES_SINCE):
        return _NO_STAGES
    if "in order of activations" in kind and not is_older(vllm, _NO_ORDER_SINCE):
        return _NO_ORDER
    if device == "cpu" and "NVFP4" in kind:
        return _NO_KERNEL
    if device == "cpu" and kind in _NOT_ANSWERING_ON_CPU and LAYOUTS[layout].answers(device):
        return _NOT_ANSWERING_ON_CPU[kind]
    if machine == CPU and "in blocks" in kind:
        return _NO_KERNEL
    return EXACT
