"""What vLLM's quantization methods mean for shards, by the names of its `QuantizationMethods`, releases 0.26 to 0.33.

https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/model_executor/layers/quantization/__init__.py
"""

# Method -> why its weights cannot be saved as shards, whether a checkpoint names it or a setting does.
UNSAVABLE = {
    "bitsandbytes": "it packs weights while they are loaded",
    "gguf": "it has a file format of its own; use the model's safetensors files",
    "torchao": "its weights are objects that no safetensors file can hold",
    "experts_int8": "it quantizes experts while they are loaded",
    "deepspeedfp": "vLLM no longer has it",
}
# As a setting these ask for weights to be quantized while they are loaded, whatever the checkpoint is.
# A checkpoint may name one (`mxfp8`), and is quantized then.
ONLINE = (
    "online", "fp8_per_tensor", "fp8_per_block", "fp8_per_channel", "int8_per_channel_weight_only", "nvfp4_per_token",
    "mxfp8",
)  # fmt: skip
# As a setting these do so if the checkpoint is not quantized.
ONLINE_IF_PLAIN = ("fp8", "rtn", "tpu_int8", "ptpc_fp8", "inc")
