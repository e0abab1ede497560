"""Imports vLLM without torch's compiler, which ranks that compile nothing do not need, in two thirds of the time.

Two things import the compiler: functions under `torch.compile`, and vLLM's `env_override`, which patches it. Without
it `torch.compile` returns what it is given; compiling takes longer than all answers that are compared.
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/env_override.py#L887
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from shardwright_worker.contract.vllm_support.installed import installed_vllm
from shardwright_worker.contract.vllm_support.releases import SUPPORTED, release_of

# What env_override does beside: the variables are those of all supported releases.
_OVERRIDE = "vllm.env_override"
_FIXED = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1"}
_DEFAULTS = {"TRITON_CACHE_AUTOTUNING": "1", "TILELANG_CLEANUP_TEMP_FILES": "1"}
# Set, one of these asks for something else that env_override does.
_ASKS_FOR_MORE = ("VLLM_ENABLE_CUDA_COMPATIBILITY", "VLLM_TRITON_FORCE_FIRST_CONFIG")


@contextlib.contextmanager
def without_compiler() -> Iterator[None]:
    """Let what is imported inside do without the compiler, where that is known to hold; else nothing is changed.

    Afterwards the compiler can be imported, and `torch.compile` returns what it is given still. If the import fails,
    everything is as before, for one without this.
    """
    if not _holds():
        yield
        return
    import torch

    compiles: Any = torch.compile
    os.environ.update(_FIXED)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    torch.compile = _leave
    sys.modules[_OVERRIDE] = _NothingToPatch(_OVERRIDE)
    try:
        yield
    except BaseException:
        torch.compile = compiles
        raise
    finally:
        del sys.modules[_OVERRIDE]


def _holds() -> bool:
    if any(map(os.environ.get, _ASKS_FOR_MORE)):
        return False
    import torch

    return release_of(installed_vllm()) in SUPPORTED and torch.version.hip is None


def _leave(model: Callable[..., Any] | None = None, **_: Any) -> Any:
    """Return the function, or a decorator that does."""
    return _leave if model is None else model


class _NothingToPatch(ModuleType):
    """Has whatever is imported from it: functions that patch the compiler, which nothing calls.

    Until 0.29 a worker's import gets to one:
    https://github.com/vllm-project/vllm/blob/v0.29.0/vllm/model_executor/warmup/flashinfer_autotune_cache.py#L13
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _leave
