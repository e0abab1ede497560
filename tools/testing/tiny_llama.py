"""Writes a tiny Llama that completes a known sentence; any Python runs this, without packages.

The embedding of each token points at the token that follows it in the sentence. The layers in between are noise that is
too small to change the completion. Damaged variants are for tests: `tiny_llama.py FOLDER [DAMAGE]`.
"""

from __future__ import annotations

import json
import random
import struct
import sys
from pathlib import Path

STORY = "Hello from a tiny model whose words must not change when its weights are cut into shards ."
# Heads of 80: for multiples of 32 vLLM's CPU build uses AMX where the processor has it, even where it may not be used.
HIDDEN, INTERMEDIATE, LAYERS, HEADS, KEY_VALUE_HEADS, HEAD_SIZE = 128, 256, 2, 4, 2, 80
FILES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
DAMAGES = ("missing-file", "truncated", "html", "no-config")

_SPECIAL = ["<unk>", "<end>"]
_WORDS = [*_SPECIAL, *STORY.split()]
_VOCABULARY = 64
Tensors = dict[str, tuple[list[int], list[float]]]


def write(folder: Path, damage: str = "") -> None:
    """Write the model to the folder; `damage` is one of DAMAGES, or empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _configuration().items():
        (folder / name).write_text(json.dumps(content, indent=2))
    weight_map: dict[str, str] = {}
    size = 0
    for file, tensors in zip(FILES, (_ends(), _layers()), strict=True):
        size += _write_tensors(folder / file, tensors)
        weight_map.update(dict.fromkeys(tensors, file))
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    _damage(folder, damage)


def _damage(folder: Path, damage: str) -> None:
    victim = folder / FILES[1]
    if damage == "missing-file":
        victim.unlink()
    elif damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:-1000])
    elif damage == "html":
        victim.write_text("<!DOCTYPE html><html><body>Please log in</body></html>")
    elif damage == "no-config":
        (folder / "config.json").unlink()


def _ends() -> Tensors:
    noise = random.Random(1)
    embedding, head = _noise(noise, _VOCABULARY * HIDDEN, 0.02), _noise(noise, _VOCABULARY * HIDDEN, 0.002)
    for word in range(2, len(_WORDS)):
        following = word + 1 if word + 1 < len(_WORDS) else _WORDS.index("<end>")
        embedding[word * HIDDEN + word] = 1.0
        head[following * HIDDEN + word] = 1.0
    return {
        "model.embed_tokens.weight": ([_VOCABULARY, HIDDEN], embedding),
        "model.norm.weight": ([HIDDEN], [1.0] * HIDDEN),
        "lm_head.weight": ([_VOCABULARY, HIDDEN], head),
    }


def _layers() -> Tensors:
    noise = random.Random(2)
    queries, keys = HEADS * HEAD_SIZE, KEY_VALUE_HEADS * HEAD_SIZE
    shapes = {
        "self_attn.q_proj": [queries, HIDDEN],
        "self_attn.k_proj": [keys, HIDDEN],
        "self_attn.v_proj": [keys, HIDDEN],
        "self_attn.o_proj": [HIDDEN, queries],
        "mlp.gate_proj": [INTERMEDIATE, HIDDEN],
        "mlp.up_proj": [INTERMEDIATE, HIDDEN],
        "mlp.down_proj": [HIDDEN, INTERMEDIATE],
    }
    tensors: Tensors = {}
    for layer in range(LAYERS):
        for name, shape in shapes.items():
            tensors[f"model.layers.{layer}.{name}.weight"] = (shape, _noise(noise, shape[0] * shape[1], 0.02))
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{layer}.{name}.weight"] = ([HIDDEN], [1.0] * HIDDEN)
    return tensors


def _noise(source: random.Random, count: int, deviation: float) -> list[float]:
    return [source.gauss(0.0, deviation) for _ in range(count)]


def _write_tensors(file: Path, tensors: Tensors) -> int:
    """Write a safetensors file: length of the header, header, data; bfloat16 is the upper half of a float32.

    https://github.com/huggingface/safetensors#format
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = bytearray()
    for name, (shape, values) in tensors.items():
        start = len(data)
        data += b"".join(struct.pack("<f", value)[2:] for value in values)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return len(data)


def _configuration() -> dict[str, object]:
    end = _WORDS.index("<end>")
    return {
        "config.json": {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "torch_dtype": "bfloat16",
            "hidden_size": HIDDEN,
            "intermediate_size": INTERMEDIATE,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": KEY_VALUE_HEADS,
            "head_dim": HEAD_SIZE,
            "hidden_act": "silu",
            "max_position_embeddings": 256,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "vocab_size": _VOCABULARY,
            "bos_token_id": None,
            "eos_token_id": end,
            "tie_word_embeddings": False,
        },
        "generation_config.json": {"eos_token_id": end, "do_sample": False},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "unk_token": "<unk>",
            "eos_token": "<end>",
            "model_max_length": 256,
        },
        "tokenizer.json": _tokenizer(),
    }


def _tokenizer() -> dict[str, object]:
    vocabulary = {word: number for number, word in enumerate(_WORDS)}
    vocabulary |= {f"<{number}>": number for number in range(len(_WORDS), _VOCABULARY)}
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": word, **plain} for number, word in enumerate(_SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or (sys.argv[2:] and sys.argv[2] not in DAMAGES):
        sys.exit(f"usage: tiny_llama.py FOLDER [{'|'.join(DAMAGES)}]")
    write(Path(sys.argv[1]), *sys.argv[2:])
