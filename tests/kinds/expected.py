"""How each kind of model at each layout must end: exact, unless it is named here with its reason and stage."""

from __future__ import annotations

from shardwright_worker.contract.reasons import Reason

_QUANTIZATION = Reason.UNSUPPORTED_QUANTIZATION.value
_REFUSED: dict[tuple[str, str, str], tuple[str, str]] = {}


def end_of(device: str, kind: str, layout: str) -> tuple[str, str]:
    """Result and stage."""
    return _REFUSED.get((device, kind, layout), ("exact", ""))
