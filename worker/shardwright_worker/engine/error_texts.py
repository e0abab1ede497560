"""What vLLM, torch, NCCL and safetensors write into their errors, and the reason that each text stands for. Data only.

Collected from vLLM 0.26 to 0.33. Examples of whole messages are in tests/unit/worker/engine/test_classify.py.
"""

from shardwright_worker.contract.reasons import Reason

# A dictionary of parameters in which a tensor of the source is not found:
# https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/models/deepseek_v2.py#L1820
UNKNOWN_TENSOR = r"KeyError: '\w+(\.\w+){2,}'"
# An operator that this build of vLLM declares, or names, and does not have.
_NO_OPERATOR = r"::\w*{0}\w*\(\) expected at most 0 argument|'_OpNamespace' '\w+' object has no attribute '\w*{0}"
# (pattern within one sentence of a message, reason). The first match wins: specific texts come before general ones.
TEXTS: tuple[tuple[str, Reason], ...] = (
    # torch's allocators, vLLM when it builds the model, and its check for the KV cache:
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/worker/gpu_model_runner.py#L5140
    (
        r"out of memory.*\b(CUDA|HIP|GPU)|\b(CUDA|HIP)\b.*out of memory|not enough GPU memory",
        Reason.OUT_OF_DEVICE_MEMORY,
    ),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/core/kv_cache_utils.py#L1011
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/core/kv_cache_utils.py#L1031
    (r"No available memory for the cache|To serve at least one request", Reason.OUT_OF_DEVICE_MEMORY),
    (r"CUBLAS_STATUS_ALLOC_FAILED", Reason.OUT_OF_DEVICE_MEMORY),
    (r"DefaultCPUAllocator|can't allocate memory|Cannot allocate memory|bad_alloc", Reason.OUT_OF_MEMORY),
    (r"unable to allocate shared memory", Reason.OUT_OF_MEMORY),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/worker/cpu_worker.py#L84
    # https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/v1/worker/cpu_worker.py#L229
    (r"Available memory on node|of CPU memory reserved for it", Reason.OUT_OF_MEMORY),
    (r"No module named 'vllm'", Reason.UNSUPPORTED_ENGINE),
    # The engine requests 1 percent of the device's memory, so another process holds the rest, such as a killed rank.
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/worker/utils.py#L763
    (r"Free memory on device .* is less than desired", Reason.DEVICE_UNAVAILABLE),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/config/device.py#L56
    (r"Failed to infer device type|No CUDA GPUs are available|no NVIDIA driver", Reason.DEVICE_UNAVAILABLE),
    (r"World size .* is larger than the number of available|invalid device ordinal", Reason.DEVICE_UNAVAILABLE),
    (r"no CUDA-capable device|busy or unavailable|uncorrectable ECC|GPU is lost", Reason.DEVICE_UNAVAILABLE),
    (r"system not yet initialized|CUDA unknown error|NVMLError", Reason.DEVICE_UNAVAILABLE),
    (r"CUDA driver version is insufficient|Driver/library version mismatch", Reason.DEVICE_UNAVAILABLE),
    # Ranks that lose each other: NCCL, gloo and torch's stores.
    (r"NCCL error|Dist(Backend|Network|Store)?Error|gloo/transport|Gloo connect", Reason.COMMUNICATION_FAILED),
    (r"Connection (closed|reset) by peer|Address already in use", Reason.COMMUNICATION_FAILED),
    (r"The (client|server) socket has (failed|timed out)|Failed to (recv|send), ", Reason.COMMUNICATION_FAILED),
    (r"Timed out waiting \d+ms|seconds waiting for clients|Wait timeout", Reason.COMMUNICATION_FAILED),
    # safetensors' names for a damaged header:
    # https://github.com/huggingface/safetensors/blob/v0.8.0/safetensors/src/tensor.rs
    (r"incomplete metadata|header ?too ?(small|large)|invalid header|InvalidHeader", Reason.SOURCE_CORRUPT),
    (r"Metadata ?Incomplete ?Buffer|Error while deserializing|MetadataIncomplete", Reason.SOURCE_CORRUPT),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/weight_utils.py#L607
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/default_loader.py#L260
    (r"referenced in index but missing|Cannot find any model weights", Reason.SOURCE_INCOMPLETE),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/default_loader.py#L565
    # https://github.com/vllm-project/vllm/blob/v0.29.0/vllm/model_executor/models/utils.py#L466
    (r"not initialized from checkpoint|not found in the checkpoint", Reason.SOURCE_INCOMPLETE),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/weight_utils.py#L1486
    (r"Attempted to load weight .* into parameter", Reason.SOURCE_CORRUPT),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/models/utils.py#L443
    (r"There is no module or parameter named", Reason.UNSUPPORTED_MODEL),
    (UNKNOWN_TENSOR, Reason.UNSUPPORTED_MODEL),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/transformers_utils/config.py#L849
    (r"Invalid repository ID or local directory", Reason.SOURCE_NOT_FOUND),
    (r"LocalEntryNotFoundError|HFValidationError|Repo id must be in the form", Reason.SOURCE_NOT_FOUND),
    (r"not a valid JSON file", Reason.SOURCE_CORRUPT),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/platforms/cuda.py#L471
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/platforms/interface.py#L511
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/platforms/interface.py#L820
    # https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/platforms/cpu.py#L84
    (
        r"No valid ([\w ]+ )?backend found|Aligned KV cache block size|(MLA|Attention) is not supported on CPU",
        Reason.UNSUPPORTED_MODEL,
    ),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/config/model.py#L1454
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/weight_utils.py#L375
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/kernels/linear/__init__.py#L721
    # https://github.com/vllm-project/vllm/blob/v0.30.0/vllm/model_executor/layers/quantization/utils/gptq_utils.py#L32
    # https://github.com/vllm-project/vllm/blob/v0.30.0/vllm/model_executor/layers/quantization/compressed_tensors/compressed_tensors.py#L336
    (
        r"Unknown quantization method|Cannot find the config file for|quantization.*not supported"
        r"|activation ordering .*no longer supported"
        r"|Failed to find a kernel that can implement|(group|block)[ _]size\b.*(not support|unsupported)",
        Reason.UNSUPPORTED_QUANTIZATION,
    ),
    (_NO_OPERATOR.format("(fp[48]|int[48]|quant|scaled|marlin|gptq|awq)"), Reason.UNSUPPORTED_QUANTIZATION),
    (_NO_OPERATOR.format(""), Reason.UNSUPPORTED_MODEL),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/models/registry.py#L1206
    (
        r"does not recognize this architecture|are not supported for now|no vLLM implementation",
        Reason.UNSUPPORTED_MODEL,
    ),
    (r"Model architectures .* (failed|not supported)|has no vLLM", Reason.UNSUPPORTED_MODEL),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/platforms/cuda.py#L649
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/config/model.py#L1561
    (r"Bfloat16 is only supported on|Pipeline parallelism is not supported for", Reason.INVALID_ENGINE_ARGUMENTS),
    (r"trust_remote_code=True|trust[-_]remote[-_]code", Reason.INVALID_ENGINE_ARGUMENTS),
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/config/model.py#L1549
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/config/model.py#L1488
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/quantization/utils/fp8_utils.py#L1326
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/quantization/auto_awq.py#L821
    (
        r"must be divisible by|not divisible by|divisible by|evenly divi|not a multiple of|not multiple of|must align"
        r"|not aligned with the quantized|quantization block_[nk]|Number of experts"
        r"|greater than the derived max_model_len",
        Reason.INVALID_ENGINE_ARGUMENTS,
    ),
    # torch.narrow, where a rank's share of a weight is outside of it: the parallel size does not fit the model.
    (r"start \(\d+\) \+ length \(\d+\) exceeds dimension size", Reason.INVALID_ENGINE_ARGUMENTS),
    # A rank's share of the heads is none:
    # https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/model_executor/models/gpt_oss.py#L138
    # https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/mamba/mamba_mixer2.py
    (r"tensor parallel world size does not divide", Reason.INVALID_ENGINE_ARGUMENTS),
    (r"integer (division or )?modulo by zero|integer division by zero", Reason.INVALID_ENGINE_ARGUMENTS),
    (r"unrecognized arguments|invalid choice|Invalid (linear|moe)_backend", Reason.INVALID_ENGINE_ARGUMENTS),
)
# What happens to a process because another one has ended: never the cause while another failure is known.
SECONDARY_FAILURE = (
    r"Connection (closed|reset|refused|aborted)|ConnectionError|Broken ?pipe|\bcancell?ed\b|Cancell?edError|EOFError"
    r"|BrokenProcessPool|process pool|died unexpectedly|initialization failed|Executor failed|EngineDead|SystemExit"
    r"|Timed? ?out|barrier|remote process|\b(by|from|remote) peer"
)
# The state of the machine or of another process, of which no more is known.
MACHINE = rf"{SECONDARY_FAILURE}|\b(CUDA|HIP|cuBLAS|cuDNN) error|AcceleratorError|CalledProcessError"
