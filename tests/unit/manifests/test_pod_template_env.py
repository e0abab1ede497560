"""Environment variables of the spec: none that decides which code runs or which bytes are saved."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.manifests.built_jobs import (
    BOTH,
    worker_of,
)

REFUSED = [
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "PYTHONUNBUFFERED",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "BASH_ENV",
    "HOME",
    "PATH",
    "TMPDIR",
    "SHARDWRIGHT_ATTEMPT",
    "HF_TOKEN",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "HF_ENDPOINT",
    "HF_HUB_CACHE",
    "VLLM_PLUGINS",
    "VLLM_LOGGING_CONFIG_PATH",
    "VLLM_ALLOW_INSECURE_SERIALIZATION",
    "VLLM_NCCL_SO_PATH",
    "NCCL_NET_PLUGIN",
    "CUDA_INJECTION64_PATH",
    "NVIDIA_VISIBLE_DEVICES",
    "TRITON_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "CC",
    "CUDA_HOME",
    "OPENSSL_CONF",
    "COVERAGE_PROCESS_START",
    "TORCH_DEVICE_BACKEND_AUTOLOAD",
    "XDG_CONFIG_HOME",
    "VLLM_PP_LAYER_PARTITION",
    "VLLM_MODEL_REDIRECT_PATH",
    "VLLM_REPLICATE_EMBED",
    "VLLM_MLA_DISABLE",
    "VLLM_ROCM_USE_AITER_FUSION_SHARED_EXPERTS",
    "VLLM_ROCM_AITER_MEGA_MOE_FUSE_SHARED_EXPERTS",
    "VLLM_DISABLE_DSV4_MEGAMOE_SHARED_EXPERT_FUSION",
    "VLLM_KIMI_K3_SHARD_SP_SHARED_EXPERT",
    "VLLM_HUMMING_ONLINE_QUANT_CONFIG",
]
ALLOWED = [
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NCCL_DEBUG",
    "NCCL_P2P_DISABLE",
    "NCCL_SOCKET_IFNAME",
    "VLLM_LOGGING_LEVEL",
    "VLLM_ATTENTION_BACKEND",
    "OMP_NUM_THREADS",
    "CUDA_LAUNCH_BLOCKING",
    "HF_HUB_DOWNLOAD_TIMEOUT",
    "TZ",
    "LANG",
    "TOKENIZERS_PARALLELISM",
    "PYTORCH_CUDA_ALLOC_CONF",
    "GLOO_SOCKET_IFNAME",
    "VLLM_ROCM_USE_AITER",
    "VLLM_MXFP4_EMULATION_DEQUANT_AT_LOAD",
    "VLLM_DISABLE_SHARED_EXPERTS_STREAM",
]


@BOTH
@pytest.mark.parametrize("name", REFUSED)
def test_env_cannot_set_what_decides_which_code_runs(build: Any, name: str) -> None:
    job = build(job={"env": [{"name": name, "value": "/source/evil"}]})
    assert {"name": name, "value": "/source/evil"} not in worker_of(job)["env"]


@BOTH
@pytest.mark.parametrize("name", ALLOWED)
def test_other_names_reach_the_worker(build: Any, name: str) -> None:
    assert {"name": name, "value": "1"} in worker_of(build(job={"env": [{"name": name, "value": "1"}]}))["env"]
