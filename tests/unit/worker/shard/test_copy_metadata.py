"""The files beside the weights state what a server must know, in whichever file the source states it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.shard.copy_metadata import copy_metadata, correct_config
from shardwright_worker.source.listing import list_source
from shardwright_worker.source.metadata_files import metadata_names

LISTS = {"modules_to_not_convert": ["lm_head"]}


def _corrected(folder: Path, config: dict[str, Any], lists: dict[str, Any] | None = None) -> dict[str, Any]:
    (folder / "config.json").write_text(json.dumps(config))
    correct_config(folder, False, "bfloat16", lists or {})
    corrected: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return corrected


@pytest.mark.parametrize(
    ("config", "corrected"),
    [
        ({}, {"torch_dtype": "bfloat16"}),
        ({"dtype": "float32"}, {"dtype": "bfloat16"}),
        ({"torch_dtype": "bfloat16"}, {"torch_dtype": "bfloat16"}),
        ({"text_config": {"torch_dtype": "float16"}}, {"text_config": {"torch_dtype": "bfloat16"}}),
        (
            {"dtype": "float32", "vision_config": {"dtype": "float32"}},
            {"dtype": "bfloat16", "vision_config": {"dtype": "float32"}},
        ),
    ],
)
def test_the_type_of_the_weights_is_set(tmp_path: Path, config: dict[str, Any], corrected: dict[str, Any]) -> None:
    assert _corrected(tmp_path, config) == corrected


def test_lists_of_a_quantization_are_written_where_vllm_reads_it(tmp_path: Path) -> None:
    (tmp_path / "quantize_config.json").write_text('{"bits": 4}')
    _corrected(tmp_path, {}, LISTS)
    assert json.loads((tmp_path / "quantize_config.json").read_text()) == {"bits": 4, **LISTS}
    (tmp_path / "quantize_config.json").write_text('{"bits": 4}')
    assert _corrected(tmp_path, {"quantization_config": {"bits": 4}}, LISTS)["quantization_config"] == {
        "bits": 4,
        **LISTS,
    }
    assert json.loads((tmp_path / "quantize_config.json").read_text()) == {"bits": 4}


def test_weights_and_untrusted_code_are_not_copied(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "chat_templates").mkdir(parents=True)
    for name in ("config.json", "tokenizer.model.bin", "model.safetensors", "vocab.json", "modeling.py", "run.sh"):
        (source / name).touch()
    (source / "chat_templates" / "tool.jinja").touch()
    expected = ["chat_templates/tool.jinja", "config.json", "vocab.json"]
    listing = list_source(source, {})
    assert metadata_names(listing, False) == expected
    assert metadata_names(listing, True) == sorted([*expected, "modeling.py", "run.sh"])
    copy_metadata(source, tmp_path / "copy", expected)
    copied = sorted(str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*.*"))
    assert copied == expected
