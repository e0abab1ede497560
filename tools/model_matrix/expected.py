"""How each kind of model at each layout must end: exact, unless this vLLM or CPU cannot, for a reason named here."""

from __future__ import annotations

from pathlib import Path

from shardwright_worker.contract.progress_line import Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.compat import release_of
from shardwright_worker.serving.guard import installed_vllm

End = tuple[str, str]
EXACT: End = ("exact", "")
_BLOCKS = "Llama, FP8 in blocks"
# A rank would get half of one of this model's blocks, which is known before anything is loaded.
_HALF_A_BLOCK = (Reason.INVALID_ENGINE_ARGUMENTS.value, Stage.PREPARING.value)
# Only the shard stage knows its vLLM, and older ones do not find parts of several stages.
_NO_STAGES = (Reason.INVALID_ENGINE_ARGUMENTS.value, Stage.LOADING.value)
# vLLM's CPU kernel for such blocks needs AMX, and vLLM says so when it builds the model.
_NO_KERNEL = (Reason.UNSUPPORTED_QUANTIZATION.value, Stage.LOADING.value)


def end_of(device: str, kind: str, layout: str) -> End:
    """Result and stage."""
    if (kind, layout) == (_BLOCKS, "tp=2"):
        return _HALF_A_BLOCK
    if layout == "pp=2" and release_of(installed_vllm()) < (0, 32):
        return _NO_STAGES
    if device == "cpu" and kind == _BLOCKS and "amx_tile" not in Path("/proc/cpuinfo").read_text():
        return _NO_KERNEL
    return EXACT
