"""A tensor in two of the files that vLLM reads is rejected: the last one read would win."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.preflight import check_source
from shardwright_worker.source.listing import list_source
from tests.unit.worker.source_cases import CONFIG_ONLY, torch_archive, torch_legacy
from tools.testing.tiny_files import FIRST, INDEX, SECOND, model_files, safetensors, write_files

SINGLE = "model.safetensors"


EMBED, OTHER = {"model.embed": b"\x09\x02" * 64}, {"model.other": b"\x09\x02" * 64}


def weights_of(folder: Path, files: dict[str, bytes], load_format: str = "auto") -> list[str]:
    engine = EngineSettings(extra_args={"load_format": load_format} if load_format != "auto" else {})
    return check_source(list_source(write_files(folder, files), engine.extra_args), engine).weights


def rejection_message(folder: Path, files: dict[str, bytes], load_format: str = "auto") -> str:
    with pytest.raises(WorkerFailure) as caught:
        weights_of(folder, files, load_format)
    assert caught.value.reason == Reason.SOURCE_CORRUPT
    return caught.value.message


def with_index(files: dict[str, bytes], name: str, **places: str) -> dict[str, bytes]:
    return {
        **files,
        name: json.dumps({"weight_map": {each.replace("__", "."): to for each, to in places.items()}}).encode(),
    }


def test_the_index_names_one_of_two_files(tmp_path: Path) -> None:
    files = model_files()
    files[SECOND] = safetensors({"model.layers.1.w": b"\x05\x06" * 32, "lm_head": b"\x07\x08" * 64, **EMBED})
    message = rejection_message(tmp_path, files)
    assert f"tensor model.embed is in {FIRST} and in {SECOND} as well, and {INDEX} says {FIRST}" in message
    assert "remove the file" in message


def test_the_index_names_neither_file(tmp_path: Path) -> None:
    files = model_files()
    files[FIRST] = safetensors({"model.embed": b"\x01\x02" * 64, "model.layers.0.w": b"\x03\x04" * 32, **OTHER})
    files[SECOND] = safetensors({"model.layers.1.w": b"\x05\x06" * 32, "lm_head": b"\x07\x08" * 64, **OTHER})
    assert f"tensor model.other is in {FIRST} and in {SECOND}" in rejection_message(tmp_path, files)


def test_without_an_index_every_file_is_read(tmp_path: Path) -> None:
    files = {name: content for name, content in model_files().items() if name != INDEX}
    weights_of(tmp_path / "good", files)
    message = rejection_message(tmp_path / "bad", {**files, SINGLE: safetensors(EMBED)})
    assert f"tensor model.embed is in {FIRST} and in {SINGLE}" in message


def test_a_file_outside_of_the_index_is_read_by_loaders_without_one(tmp_path: Path) -> None:
    files = {**model_files(), SINGLE: safetensors(EMBED)}
    for load_format in ("auto", "hf", "safetensors", "fastsafetensors", "instanttensor"):
        assert weights_of(tmp_path / load_format, files, load_format) == [FIRST, SECOND]
    assert f"{FIRST} and in {SINGLE}" in rejection_message(tmp_path / "streamed", files, "runai_streamer")


def test_files_in_mistrals_format(tmp_path: Path) -> None:
    one, two, index = "consolidated-1.safetensors", "consolidated-2.safetensors", "consolidated.safetensors.index.json"
    files = {**CONFIG_ONLY, one: safetensors(EMBED), two: safetensors({**EMBED, **OTHER})}
    assert f"model.embed is in {one} and in {two}" in rejection_message(tmp_path / "bare", files)
    named = with_index(files, index, model__embed=one, model__other=two)
    assert f"and {index} says {one}" in rejection_message(tmp_path / "index", named)
    # Read as they are written for Transformers, both sets are one model's weights to vLLM.
    both = {**CONFIG_ONLY, SINGLE: safetensors(EMBED), "consolidated.safetensors": safetensors(EMBED)}
    assert weights_of(tmp_path / "auto", both) == ["consolidated.safetensors"]
    assert f"consolidated.safetensors and in {SINGLE}" in rejection_message(tmp_path / "hf", both, "hf")


def test_an_index_that_names_a_tensor_twice(tmp_path: Path) -> None:
    files = model_files()
    entry = f'"model.embed": "{FIRST}"'.encode()
    assert entry in files[INDEX]
    files[INDEX] = files[INDEX].replace(entry, entry + f', "model.embed": "{SECOND}"'.encode())
    assert f"{INDEX} names tensor model.embed twice, in {FIRST} and in {SECOND}" in rejection_message(
        tmp_path / "entry", files
    )
    files[INDEX] = json.dumps({"weight_map": {"a": FIRST}}).encode()[:-1] + b', "weight_map": {}}'
    assert "two objects called weight_map" in rejection_message(tmp_path / "map", files)


def test_a_header_that_names_a_tensor_twice(tmp_path: Path) -> None:
    header = (
        b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
    )
    files = {**CONFIG_ONLY, SINGLE: len(header).to_bytes(8, "little") + header + b"1234"}
    assert f"{SINGLE} is damaged: its header has two entries of tensor a" in rejection_message(tmp_path, files)


@pytest.mark.parametrize("write", [torch_archive, torch_legacy])
def test_pytorch_files(tmp_path: Path, write: object) -> None:
    assert callable(write)
    one, two, lone = "pytorch_model-1.bin", "pytorch_model-2.bin", "pytorch_model.bin"
    files = {**CONFIG_ONLY, one: write("a", "b"), two: write("c")}
    assert weights_of(tmp_path / "good", files) == [one, two]
    # vLLM does not read the index of such files.
    named = with_index({**files, lone: write("x", "c")}, "pytorch_model.bin.index.json", a=one, b=one, c=two)
    assert f"tensor c is in {two} and in {lone}" in rejection_message(tmp_path / "bad", named)
