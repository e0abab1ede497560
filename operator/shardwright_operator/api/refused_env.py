"""Names that spec.job.env must not set: they decide which code runs or what shards hold, or the operator sets them."""

import re
from typing import NamedTuple

from shardwright_worker.contract.vllm_support.environment import LAYOUT_VARIABLES


class Refused(NamedTuple):
    """Names, as a regular expression with the same meaning in RE2 (CEL) and Python, and what to do instead."""

    names: str
    instead: str


REFUSED = (
    Refused(
        "HF_TOKEN|HF_TOKEN_PATH|HUGGING_FACE_HUB_TOKEN|HUGGINGFACE_HUB_TOKEN|HUGGINGFACE_TOKEN",
        "is a token; use spec.source.huggingFace.tokenSecretRef",
    ),
    Refused(
        "HF_ENDPOINT|HUGGINGFACE_CO_STAGING|VLLM_USE_MODELSCOPE|MODELSCOPE_.*",
        "chooses the Hub; use spec.source.huggingFace.endpoint",
    ),
    Refused(
        "HOME|TMPDIR|TMP|TEMP|PATH|PWD|XDG_.*|SHARDWRIGHT_.*|HF_HOME|HF_HUB_OFFLINE|TRANSFORMERS_OFFLINE"
        "|HF_DATASETS_OFFLINE|HF_.*CACHE|HUGGINGFACE_.*CACHE|TRANSFORMERS_CACHE|PYTORCH_.*CACHE|TORCH_HOME"
        "|VLLM_CACHE_ROOT|VLLM_CONFIG_ROOT|VLLM_ASSETS_CACHE|VLLM_RPC_BASE_PATH|VLLM_WORKER_MULTIPROC_METHOD"
        "|VLLM_ENABLE_V1_MULTIPROCESSING|NVIDIA_VISIBLE_DEVICES|CUDA_VISIBLE_DEVICES|KUBERNETES_.*",
        "is set by the operator, the worker or the device plugin; leave it out",
    ),
    Refused(
        # Interpreters, loaders, compilers and plugins; each can run code of a volume inside of the worker.
        "PYTHON.*|LD_.*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|MALLOC_.*|BASH_ENV|ENV|SHELLOPTS|BASHOPTS|BASH_FUNC.*|IFS|PS4"
        "|PERL.*|NODE_.*|CC|CXX|CFLAGS|CXXFLAGS|LDFLAGS|CPATH|LIBRARY_PATH|COMPILER_PATH|GCC_.*|CUDAHOSTCXX|NVCC.*"
        "|CUDA_HOME|CUDA_PATH|ROCM_HOME|ROCM_PATH|HIP_PATH|TRITON_.*|TORCHINDUCTOR_.*|TORCH_COMPILE_.*"
        "|TORCH_EXTENSIONS_DIR|TORCH_.*BACKEND_AUTOLOAD|TORCH_ALLOW_.*|TORCH_FORCE_.*|TORCH_TRACE"
        "|.*INJECTION.*|.*_PRELOAD|.*PLUGINS?|.*_SO_PATH|OMP_TOOL.*|ONEAPI_.*|OPENSSL_.*|SSLKEYLOGFILE"
        "|COVERAGE_.*|COV_CORE_.*|PYDEVD.*|DEBUGPY.*|VLLM_LOGGING_CONFIG_PATH|VLLM_CONFIGURE_LOGGING"
        "|VLLM_ALLOW_.*|VLLM_RAY_.*|RAY_.*|VLLM_.*_MODULE|HF_MODULES_.*|NUMBA_.*|CUPY_.*|JAX_.*|XLA_.*",
        "decides which code runs in the worker; put what has to run into the image of spec.engine.image",
    ),
    Refused(
        LAYOUT_VARIABLES,
        "may decide what the shards hold, and a server would need it too; leave it out",
    ),
)


def is_refused(name: str) -> bool:
    """Return whether spec.job.env must not set this name."""
    return any(re.fullmatch(one.names, name) for one in REFUSED)
