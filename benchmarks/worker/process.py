"""The whole process from the command line to the published artifact, beside vLLM's own way to save a sharded state.

https://github.com/vllm-project/vllm/blob/v0.26.0/examples/features/sharded_state/save_sharded_state_offline.py
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from safetensors.torch import save_file

from benchmarks.worker.writer import make_tensors

_STOCK = """
import sys
from vllm import LLM
llm = LLM(model=sys.argv[1], skip_tokenizer_init=True, max_model_len=2048)
llm.llm_engine.engine_core.save_sharded_state(path=sys.argv[2], pattern=None, max_size=5 * 1024**3)
"""
_CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_act": "silu",
    "vocab_size": 1024,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}


def measure_process(folder: Path, size: int) -> dict[str, dict[str, float]]:
    """Return the seconds of vLLM's own way, and of the worker without and with a loading verification."""
    source = _make_source(folder / "source", size)
    ours = [sys.executable, "-m", "shardwright_worker", "shard", "--source", str(source), "--verification"]
    return {
        "vLLM: LLM(), save_sharded_state": {"seconds": _run([sys.executable, "-c", _STOCK, str(source)], folder / "1")},
        "shardwright, digests": {"seconds": _run([*ours, "digests", "--output"], folder / "2")},
        "shardwright, load": {"seconds": _run([*ours, "load", "--output"], folder / "3")},
    }


def _run(command: list[str], output: Path) -> float:
    output.mkdir()
    start = time.perf_counter()
    subprocess.run([*command, str(output)], check=True, stdout=subprocess.DEVNULL)
    return round(time.perf_counter() - start, 2)


def _make_source(folder: Path, size: int) -> Path:
    import torch

    folder.mkdir()
    packed = make_tensors(size, "cpu")
    layers = len(packed) // 4
    tensors = {
        "model.embed_tokens.weight": torch.randn(1024, 4096, dtype=torch.bfloat16),
        "lm_head.weight": torch.randn(1024, 4096, dtype=torch.bfloat16),
        "model.norm.weight": torch.ones(4096, dtype=torch.bfloat16),
    }
    for layer in range(layers):
        old = f"model.layers.{layer}."
        split = packed.pop(f"{old}qkv_proj.weight").split([4096, 1024, 1024])
        tensors |= {f"{old}self_attn.{one}_proj.weight": part for one, part in zip("qkv", split, strict=True)}
        tensors[f"{old}self_attn.o_proj.weight"] = packed.pop(f"{old}o_proj.weight")
        gate, up = packed.pop(f"{old}gate_up_proj.weight").chunk(2)
        tensors |= {f"{old}mlp.gate_proj.weight": gate, f"{old}mlp.up_proj.weight": up}
        tensors[f"{old}mlp.down_proj.weight"] = packed.pop(f"{old}down_proj.weight")
        for norm in ("input", "post_attention"):
            tensors[f"{old}{norm}_layernorm.weight"] = torch.ones(4096, dtype=torch.bfloat16)
        save_file({name: one.contiguous() for name, one in tensors.items()}, folder / f"model-{layer:05}.safetensors")
        tensors = {}
    (folder / "config.json").write_text(json.dumps({**_CONFIG, "num_hidden_layers": layers}))
    return folder
