"""How each kind of model at each layout must end: exact, unless it is named here with its reason and stage."""

from __future__ import annotations

from shardwright_worker.contract.progress import Stage
from shardwright_worker.contract.reasons import Reason

End = tuple[str, str]
EXACT = "exact"
_ANY = ""
# vLLM's CPU build has no kernel for FP8, and says so when it builds the model.
_NO_KERNEL = (Reason.UNSUPPORTED_QUANTIZATION.value, Stage.LOADING.value)
# A rank would get half of one of this model's blocks, which is known before anything is loaded.
_HALF_A_BLOCK = (Reason.INVALID_ENGINE_ARGUMENTS.value, Stage.PREPARING.value)
# (device, kind, layout) -> end; an empty device or layout stands for all others.
_REFUSED: dict[tuple[str, str, str], End] = {
    (_ANY, "Llama, FP8 in blocks", "tp=2"): _HALF_A_BLOCK,
    ("cpu", "Llama, FP8 in blocks", _ANY): _NO_KERNEL,
    ("cpu", "Llama, FP8 per channel (compressed-tensors)", _ANY): _NO_KERNEL,
}


def end_of(device: str, kind: str, layout: str) -> End:
    """Result and stage."""
    for where in ((device, layout), (_ANY, layout), (device, _ANY)):
        if end := _REFUSED.get((where[0], kind, where[1])):
            return end
    return EXACT, ""
