"""Which files of a source are used, copied and downloaded."""

from __future__ import annotations

from shardwright_worker.source.selection import LARGEST_FILE, is_metadata, select_downloads
from tests.unit.worker.hub_cases import OTHERS
from tools.testing.tiny_files import FIRST, SECOND, model_files


def test_selects_the_files_to_download() -> None:
    names = [*model_files(), *OTHERS, "tokenizer.model", "modeling_custom.py", "1_Pooling/config.json"]
    usual = {*model_files(), "README.md", "tokenizer.model", "modeling_custom.py", "1_Pooling/config.json"}
    assert set(select_downloads(names, [], [], {})) == usual
    assert set(select_downloads(names, [], ["*.md", "1_Pooling/"], {})) == usual - {
        "README.md",
        "1_Pooling/config.json",
    }
    assert select_downloads(names, ["*.safetensors", "original/*"], ["*.pth"], {}) == [FIRST, SECOND]
    mistral = ["config.json", "params.json", "consolidated.safetensors", "model-1.safetensors"]
    assert "consolidated.safetensors" not in select_downloads(mistral, [], [], {})
    assert "model-1.safetensors" not in select_downloads(mistral, [], [], {"config_format": "mistral"})
    pickles = ["a.bin", "b.safetensors", "c.pt"]
    assert select_downloads(pickles, [], [], {}) == ["b.safetensors"]
    assert select_downloads(pickles, [], [], {"load_format": "pt"}) == ["a.bin", "c.pt"]


def test_selects_the_files_to_copy() -> None:
    copied = (
        "config.json", "tokenizer.json", "tiktoken.model", "spm.model", "sentencepiece.bpe.model", "normalizer.json",
        "sentence_xlnet_config.json", "sentence_bert_config.json", "quantization_config.json", "hf_quant_config.json",
        "tokenization_kimi.py", "chat_template.jinja", "additional_chat_templates/tool.jinja", "vocab.txt",
        "LICENSE", "README.md", "params.json", "tekken.json", "1_Pooling/config.json", "some_new_thing.yaml",
        "merges.txt", "qwen.tiktoken",
    )  # fmt: skip
    assert [name for name in copied if not is_metadata(name, 1000)] == []
    not_copied = (
        "model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "original/params.json", "x.gguf",
        "onnx/model.onnx", "optimizer.pt", "trainer_state.json", "checkpoint-10/config.json", ".git/config", "logo.png",
        "lost+found/x", "events.out.tfevents.1", "rng_state_0.pth", "consolidated.00.pth", "global_step10/x.json",
    )  # fmt: skip
    assert [name for name in not_copied if is_metadata(name, 1000)] == []
    assert not is_metadata("corpus.txt", LARGEST_FILE + 1)
    assert is_metadata("tokenizer.json", LARGEST_FILE + 1)
