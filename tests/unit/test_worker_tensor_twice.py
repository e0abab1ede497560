"""A tensor in two of the files that vLLM reads is refused: the last one read would win, and the proof would pass."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.preflight import check_source
from shardwright_worker.source.listing import list_source
from tools.testing.tiny_files import CONFIG, FIRST, INDEX, SECOND, model_files, safetensors, write_files

LONE = "model.safetensors"
EMBED, OTHER = {"model.embed": b"\x09\x02" * 64}, {"model.other": b"\x09\x02" * 64}
BARE = {"config.json": json.dumps(CONFIG).encode()}


def check(folder: Path, files: dict[str, bytes], load_format: str = "auto") -> list[str]:
    engine = EngineSettings(extra_args={"load_format": load_format} if load_format != "auto" else {})
    return check_source(list_source(write_files(folder, files), engine.extra_args), engine).weights


def refusal(folder: Path, files: dict[str, bytes], load_format: str = "auto") -> str:
    with pytest.raises(WorkerFailure) as caught:
        check(folder, files, load_format)
    assert caught.value.reason == Reason.SOURCE_CORRUPT
    return caught.value.message


def with_index(files: dict[str, bytes], name: str, **places: str) -> dict[str, bytes]:
    return {
        **files,
        name: json.dumps({"weight_map": {each.replace("__", "."): to for each, to in places.items()}}).encode(),
    }


def test_the_index_names_one_file_and_another_that_is_read_holds_it_too(tmp_path: Path) -> None:
    files = model_files()
    files[SECOND] = safetensors({"model.layers.1.w": b"\x05\x06" * 32, "lm_head": b"\x07\x08" * 64, **EMBED})
    message = refusal(tmp_path, files)
    assert f"tensor model.embed is in {FIRST} and in {SECOND} as well, and {INDEX} says {FIRST}" in message
    assert "remove the file" in message


def test_a_tensor_that_the_index_does_not_name_at_all(tmp_path: Path) -> None:
    files = model_files()
    files[FIRST] = safetensors({"model.embed": b"\x01\x02" * 64, "model.layers.0.w": b"\x03\x04" * 32, **OTHER})
    files[SECOND] = safetensors({"model.layers.1.w": b"\x05\x06" * 32, "lm_head": b"\x07\x08" * 64, **OTHER})
    assert f"tensor model.other is in {FIRST} and in {SECOND}" in refusal(tmp_path, files)


def test_without_an_index_every_file_is_read(tmp_path: Path) -> None:
    files = {name: content for name, content in model_files().items() if name != INDEX}
    check(tmp_path / "good", files)
    message = refusal(tmp_path / "bad", {**files, LONE: safetensors(EMBED)})
    assert f"tensor model.embed is in {FIRST} and in {LONE}" in message


def test_a_file_that_no_index_names_is_not_read_except_by_a_loader_without_one(tmp_path: Path) -> None:
    files = {**model_files(), LONE: safetensors(EMBED)}
    for load_format in ("auto", "hf", "safetensors", "fastsafetensors", "instanttensor"):
        assert check(tmp_path / load_format, files, load_format) == [FIRST, SECOND]
    assert f"{FIRST} and in {LONE}" in refusal(tmp_path / "streamed", files, "runai_streamer")


def test_mistrals_own_set(tmp_path: Path) -> None:
    one, two, index = "consolidated-1.safetensors", "consolidated-2.safetensors", "consolidated.safetensors.index.json"
    files = {**BARE, one: safetensors(EMBED), two: safetensors({**EMBED, **OTHER})}
    assert f"model.embed is in {one} and in {two}" in refusal(tmp_path / "bare", files)
    named = with_index(files, index, model__embed=one, model__other=two)
    assert f"and {index} says {one}" in refusal(tmp_path / "index", named)
    # Read as they are written for Transformers, both sets are one model's weights to vLLM.
    both = {**BARE, LONE: safetensors(EMBED), "consolidated.safetensors": safetensors(EMBED)}
    assert check(tmp_path / "auto", both) == ["consolidated.safetensors"]
    assert f"consolidated.safetensors and in {LONE}" in refusal(tmp_path / "hf", both, "hf")


def test_an_index_that_names_a_tensor_twice(tmp_path: Path) -> None:
    files = model_files()
    entry = f'"model.embed": "{FIRST}"'.encode()
    assert entry in files[INDEX]
    files[INDEX] = files[INDEX].replace(entry, entry + f', "model.embed": "{SECOND}"'.encode())
    assert f"{INDEX} names tensor model.embed twice, in {FIRST} and in {SECOND}" in refusal(tmp_path / "entry", files)
    files[INDEX] = json.dumps({"weight_map": {"a": FIRST}}).encode()[:-1] + b', "weight_map": {}}'
    assert "two objects called weight_map" in refusal(tmp_path / "map", files)


def test_a_header_that_names_a_tensor_twice(tmp_path: Path) -> None:
    header = (
        b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
    )
    files = {**BARE, LONE: len(header).to_bytes(8, "little") + header + b"1234"}
    assert f"{LONE} is damaged: its header has two entries of tensor a" in refusal(tmp_path, files)


class _Rebuilt:
    """Pickles as PyTorch's tensors do: a call of a function whose name begins with _rebuild_."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return _rebuild_tensor, (1,)


def _rebuild_tensor(_number: int) -> None:
    raise AssertionError("nothing is ever unpickled")


def archive(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr("x/data.pkl", pickle.dumps({name: _Rebuilt() for name in names}, 2))
    return packed.getvalue()


def legacy(*names: str) -> bytes:
    start = b"".join(pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    return start + pickle.dumps({name: _Rebuilt() for name in names}, 2) + b"\x80\x02]q\x00."


@pytest.mark.parametrize("write", [archive, legacy])
def test_pytorchs_own_files(tmp_path: Path, write: object) -> None:
    assert callable(write)
    one, two, lone = "pytorch_model-1.bin", "pytorch_model-2.bin", "pytorch_model.bin"
    files = {**BARE, one: write("a", "b"), two: write("c")}
    assert check(tmp_path / "good", files) == [one, two]
    # vLLM does not look at the index of such files.
    named = with_index({**files, lone: write("x", "c")}, "pytorch_model.bin.index.json", a=one, b=one, c=two)
    assert f"tensor c is in {two} and in {lone}" in refusal(tmp_path / "bad", named)
