"""Texts of vLLM, torch, NCCL and CUDA get the reason that they stand for, and are reported unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.classify import classify, classify_record, record_of
from shardwright_worker.engine.io_errors import Folders

FOLDERS = Folders(Path("/models/llama"), Path("/output/.staging/x"))
INVALID, QUANTIZATION = Reason.INVALID_ENGINE_ARGUMENTS, Reason.UNSUPPORTED_QUANTIZATION
DEVICE, LINK = Reason.DEVICE_UNAVAILABLE, Reason.COMMUNICATION_FAILED
# Messages of vLLM 0.26 to 0.33, torch, NCCL and CUDA.
KNOWN = [
    ("start (2) + length (1) exceeds dimension size (2).", INVALID),
    ("Total number of attention heads (8) must be divisible by tensor parallel size (3).", INVALID),
    ("151936 is not divisible by 7", INVALID),
    ("integer modulo by zero", INVALID),
    ("If tensor parallel world size does not divide num_groups, then num_groups must equal 1.", INVALID),
    ("integer division or modulo by zero", INVALID),
    ("num_heads 20 is not divisible by tp_size 8.", INVALID),
    ("Weight output_partition_size = 576 is not divisible by weight quantization block_n = 128.", INVALID),
    ("output_size of gate's and up's = 192 is not divisible by weight quantization block_n = 128.", INVALID),
    ("Weight input_size_per_partition = 64 is not divisible by weight quantization block_k = 128.", INVALID),
    ("Input features 96 not divisible by group size 64", INVALID),
    ("Weight input_size_per_partition = 5120 is not divisible by min_thread_k = 128.", INVALID),
    ("K (1376) not divisible by group_size = 128.", INVALID),
    ("The input size is not aligned with the quantized weight shape. This can be caused by too large", INVALID),
    ("Number of experts in the model must be greater than 0 when expert parallelism is enabled", INVALID),
    ("Failed to find a kernel that can implement the WNA16 linear layer. Reasons: group size 96", QUANTIZATION),
    ("_C::static_scaled_fp8_quant() expected at most 0 argument(s) but received 4 argument(s).", QUANTIZATION),
    ("'_OpNamespace' '_C' object has no attribute 'gptq_marlin_repack'", QUANTIZATION),
    ("'_OpNamespace' '_moe_C' object has no attribute 'topk_softmax'", Reason.UNSUPPORTED_MODEL),
    ("Unknown quantization method: flummi. Must be one of ['awq']", QUANTIZATION),
    ("Cannot find the config file for awq", QUANTIZATION),
    ("User-specified max_model_len (9000) is greater than the derived max_model_len (256)", INVALID),
    ("Please pass the argument `trust_remote_code=True` to allow custom code to be run.", INVALID),
    ("model type `flummi` but Transformers does not recognize this architecture.", Reason.UNSUPPORTED_MODEL),
    ("MLA is not supported on CPU.", Reason.UNSUPPORTED_MODEL),
    ("Sparse Attention is not supported on CPU.", Reason.UNSUPPORTED_MODEL),
    ("Model architectures ['Foo'] are not supported for now.", Reason.UNSUPPORTED_MODEL),
    ("Invalid repository ID or local directory specified: '/models/llama'", Reason.SOURCE_NOT_FOUND),
    ("It looks like the config file at '/models/llama/config.json' is not a valid JSON file.", Reason.SOURCE_CORRUPT),
    ("Error while deserializing header: incomplete metadata, file not fully covered", Reason.SOURCE_CORRUPT),
    ("Error while deserializing header: header too small", Reason.SOURCE_CORRUPT),
    ("Error while deserializing header: header too large", Reason.SOURCE_CORRUPT),
    ("Cannot find any model weights with `/models/llama`", Reason.SOURCE_INCOMPLETE),
    ("model-00002.safetensors is referenced in index but missing", Reason.SOURCE_INCOMPLETE),
    ("Following weights were not initialized from checkpoint: {'model.norm.weight'}", Reason.SOURCE_INCOMPLETE),
    ("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has", Reason.OUT_OF_DEVICE_MEMORY),
    ("Failed to load model - not enough GPU memory.", Reason.OUT_OF_DEVICE_MEMORY),
    ("Free memory on device cuda:0 (0.5/79.2 GiB) on startup is less than desired GPU memory utilization", DEVICE),
    ("NCCL error: unhandled system error", LINK),
    ("[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection reset by peer [127.0.0.1]:23456", LINK),
    ("[/pytorch/third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 1800000ms for recv", LINK),
    ("Timed out after 601 seconds waiting for clients. 1/2 clients joined.", LINK),
    ("wait timeout after 2000ms, keys: /x", LINK),
    ("The client socket has failed to connect to any network address of (10.0.0.3, 29500).", LINK),
    ("The client socket has timed out after 600000ms while trying to connect to (10.0.0.3, 29500).", LINK),
    ("The server socket has failed to listen on any local network address. port: 36159, useIpv6: false, code: -98, "
     "name: EADDRINUSE, message: address already in use", LINK),
    ("Failed to recv, got 0 bytes. Connection was likely closed. Did the remote server shutdown or crash?", LINK),
    ("Failed to infer device type", DEVICE),
    ("CUDA error: CUDA-capable device(s) is/are busy or unavailable\nCUDA kernel errors might be", DEVICE),
    ("Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that "
     "might have already set an error? Error 802: system not yet initialized", DEVICE),
    ("NCCL error in: ProcessGroupNCCL.cpp:3353, unhandled cuda error (run with NCCL_DEBUG=INFO for details)\n"
     "Last error:\nCuda failure 802 'system not yet initialized'", DEVICE),
    ("CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing env variable", DEVICE),
    ("GPU is lost", DEVICE),
    ("Driver/library version mismatch", DEVICE),
    ("No valid attention backend found for cuda with AttentionSelectorConfig(head_size=200, dtype=torch.bfloat16, "
     "kv_cache_dtype=auto, block_size=None, use_mla=False). Reasons: {FLASH_ATTN: [head_size not supported], "
     "TRITON_ATTN: [block_size not supported]}.", Reason.UNSUPPORTED_MODEL),
    ("No valid MLA prefill backend found with MLAAttentionSelectorConfig(). Reasons: {}.", Reason.UNSUPPORTED_MODEL),
    ("No valid CPU MLA prefill backend found.", Reason.UNSUPPORTED_MODEL),
    ("Aligned KV cache block size 48 is not supported by attention backend(s): FLASHMLA.", Reason.UNSUPPORTED_MODEL),
    ("The quantization method fp8 is not supported for the current GPU. Minimum capability: 89.", QUANTIZATION),
    ("GPTQ group activation ordering (desc_act=True) is no longer supported. Use a checkpoint with", QUANTIZATION),
    ("GPTQ group activation ordering (desc_act=True) is no longer supported, but is enabled by dynamic", QUANTIZATION),
    ("Compressed-tensors group/dynamic activation ordering (actorder='group') is no longer supported.", QUANTIZATION),
    ("'lm_head.weight' was skipped because it is tied to 'model.embed_tokens.weight' in LlamaForCausalLM, but "
     "'model.embed_tokens.weight' was not found in the checkpoint, so the tied weight is uninitialized.",
     Reason.SOURCE_INCOMPLETE),
    ("Group size (96) not supported by Marlin, supported group sizes are: [32, 64, 128]", QUANTIZATION),
    ("Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has", INVALID),
    ("Pipeline parallelism is not supported for this model. Supported models implement the `SupportsPP`", INVALID),
    ("World size (4) is larger than the number of available GPUs (2)", DEVICE),
    ("Available memory on node 0 (0.4/62.0 GiB) on startup is less than desired CPU memory utilization",
     Reason.OUT_OF_MEMORY),
    ("Available memory on node 0 (0.4/62.0 GiB) on kv cache allocation is less than requested memory for kv",
     Reason.OUT_OF_MEMORY),
    ("The worker already uses 3.1 GiB (model weights and runtime), more than the 0.62 GiB of CPU memory reserved for "
     "it on node 0, leaving none for the KV cache.", Reason.OUT_OF_MEMORY),
    ("No module named 'vllm'", Reason.UNSUPPORTED_ENGINE),
    ("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory", Reason.OUT_OF_MEMORY),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), KNOWN)
@pytest.mark.parametrize("rank", [None, 3])
def test_a_known_text_has_its_reason(text: str, reason: Reason, rank: int | None) -> None:
    error = RuntimeError(text)
    if rank is None:
        failure = classify(error, Reason.UNEXPECTED_ERROR, FOLDERS)
    else:
        failure = classify_record(record_of(error), Reason.UNEXPECTED_ERROR, FOLDERS, rank)
    assert (failure.reason, failure.rank) == (reason, rank)
    assert text[:40] in failure.message


@pytest.mark.parametrize("kind", ["DistBackendError", "DistNetworkError", "DistStoreError"])
def test_torchs_types_of_distributed_errors_mean_communication(kind: str) -> None:
    error = type(kind, (RuntimeError,), {})("an unknown text")
    assert classify(error, Reason.VERIFICATION_FAILED, FOLDERS).reason is LINK


def test_a_text_is_not_found_across_sentences() -> None:
    text = "The block size is 16. Flummi is not supported. World size (4) is odd.\nIt is larger than the number of"
    text += " available GPUs"
    assert classify(ValueError(text), Reason.UNEXPECTED_ERROR, FOLDERS).reason is Reason.UNEXPECTED_ERROR


def test_a_tensor_that_the_model_does_not_know_is_named() -> None:
    error = KeyError("layers.1.mlp.gate.e_score_correction_bias")
    failure = classify(error, Reason.UNEXPECTED_ERROR, FOLDERS)
    assert failure.reason is Reason.UNSUPPORTED_MODEL
    assert "no parameter for the source's tensor 'layers.1.mlp.gate.e_score_correction_bias'" in failure.message


def test_an_unknown_text_is_reported_as_it_is() -> None:
    failure = classify_record(record_of(KeyError("model.flummi")), Reason.UNEXPECTED_ERROR, FOLDERS, 2)
    assert failure.reason is Reason.UNEXPECTED_ERROR
    assert failure.message == "KeyError: 'model.flummi'"
    assert (failure.rank, failure.error_type) == (2, "KeyError")


def test_bytes_that_utf8_cannot_hold_are_replaced() -> None:
    record = record_of(OSError(5, "Input/output error", b"/models/llama/\xff"))
    assert record.files == ["/models/llama/?"]
