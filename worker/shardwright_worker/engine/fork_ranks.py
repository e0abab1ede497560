"""Lets vLLM fork its ranks, which then have vLLM imported already; it would spawn them, and each would import it."""

import os
from typing import Any

_METHOD = "VLLM_WORKER_MULTIPROC_METHOD"
_FLASHINFER_CAPABILITIES = "FLASHINFER_CUDA_ARCH_LIST"


def name_device_capabilities() -> None:
    """Name the capabilities of the GPUs for FlashInfer, which would ask CUDA for them when it is imported.

    A process in which CUDA is initialized cannot fork ranks. vLLM asks NVML, which needs no CUDA:
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/platforms/cuda.py
    https://github.com/flashinfer-ai/flashinfer/blob/v0.6.14/flashinfer/compilation_context.py
    """
    from vllm.platforms import current_platform

    if not current_platform.is_cuda() or _FLASHINFER_CAPABILITIES in os.environ:
        return
    from vllm.platforms.cuda import NvmlCudaPlatform

    if not isinstance(current_platform, NvmlCudaPlatform):
        return  # a machine without NVML, on which vLLM would ask CUDA as well
    found = {current_platform.get_device_capability(device) for device in range(current_platform.device_count())}
    names = sorted(f"{one.major}.{one.minor}" for one in found if one is not None)
    if names:
        os.environ[_FLASHINFER_CAPABILITIES] = " ".join(names)


def fork_ranks() -> None:
    """Let vLLM fork its ranks, where it can: it spawns them by itself once CUDA is initialized, and says so.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/utils/system_utils.py#L122
    """
    from vllm.platforms import current_platform

    os.environ[_METHOD] = "fork"
    if not current_platform.is_cpu():
        return
    configure = current_platform.check_and_update_config

    def configure_to_fork(config: Any) -> None:
        # vLLM's CPU build chooses spawn whenever it is configured. No OpenMP thread exists before the fork.
        # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/platforms/cpu.py#L409
        configure(config)
        os.environ[_METHOD] = "fork"

    type(current_platform).check_and_update_config = staticmethod(configure_to_fork)
