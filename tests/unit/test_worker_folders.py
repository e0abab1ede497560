"""What else lies in a source's folder cannot stop it; what vLLM reads must be readable, and is said if it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.preflight import check_source
from shardwright_worker.source.listing import Listing, list_source
from shardwright_worker.source.selection import LARGEST_FILE, is_metadata, select_downloads
from tools.testing.tiny_files import FIRST, INDEX, model_files, safetensors, write_files
from tools.testing.unprivileged import run_unprivileged

POOLING = {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
DENSE = {"path": "2_Projection", "type": "sentence_transformers.models.Dense"}


def look(folder: Path) -> tuple[Listing, str, str]:
    """The listing, or the failure's reason and words."""
    try:
        listing = list_source(folder, {})
        check_source(listing, EngineSettings())
    except WorkerFailure as failure:
        return Listing(folder, [], []), failure.reason, failure.message
    return listing, "", ""


def names(listing: Listing) -> set[str]:
    return {file.name for file in listing.files}


def closed(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name / "inner").mkdir(parents=True)
        (folder / name).chmod(0)

    return make


def closed_inside(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name / "inner").mkdir(parents=True)
        (folder / name / "inner").chmod(0o600)

    return make


def circles(folder: Path) -> None:
    (folder / "loop").symlink_to(".")
    (folder / "up").symlink_to("..")


def deep(folder: Path) -> None:
    os.makedirs(folder.joinpath(*["d"] * 300))


def crowded(folder: Path) -> None:
    (folder / "data").mkdir()
    for number in range(3000):
        (folder / "data" / f"{number}.json").write_text("{")


def strange(folder: Path) -> None:
    (folder / "eval").mkdir()
    os.mkfifo(folder / "eval" / "x.json")
    (folder / "eval" / "y.json").symlink_to("nowhere")
    (folder / "eval" / "z.json").write_text("{")
    (folder / "eval" / "secret.json").write_text("{}")
    (folder / "eval" / "secret.json").chmod(0)


def unknown_at_the_top(folder: Path) -> None:
    os.mkfifo(folder / "events")
    (folder / "README.md").symlink_to("/dev/zero")
    (folder / "NOTES").symlink_to("/proc/self/environ")
    (folder / "private.key").write_text("mine")
    (folder / "private.key").chmod(0)
    with open(folder / "dataset.dat", "wb") as file:
        file.truncate(LARGEST_FILE + 1)
    (folder / "all_results.json").write_text("{not JSON")


@pytest.mark.parametrize(
    "make",
    [
        closed("lost+found"),
        closed(".snapshot"),
        closed("@eaDir"),
        closed("onnx"),
        closed("original"),
        closed("checkpoint-500"),
        closed("whatever"),
        closed_inside("some"),
        circles,
        deep,
        crowded,
        strange,
        unknown_at_the_top,
    ],
)
def test_what_vllm_never_reads_stops_nothing(open_folder: Path, make: Callable[[Path], None]) -> None:
    folder = write_files(open_folder / "model", model_files())
    make(folder)

    def counted() -> tuple[set[str], str]:
        listing, _reason, message = look(folder)
        return names(listing), message

    found, message = run_unprivileged(counted)
    assert message == ""
    assert found - {"all_results.json", "eval/z.json"} == {*model_files()}


@pytest.mark.parametrize(
    "name", [FIRST, "config.json", INDEX, "tokenizer.json", "1_Pooling/config.json", "modules.json"]
)
def test_a_file_that_may_not_be_read(open_folder: Path, name: str) -> None:
    folder = write_files(open_folder / "model", st_files(POOLING))
    (folder / name).chmod(0o600)
    reason, message = run_unprivileged(lambda: look(folder)[1:])
    assert reason == Reason.SOURCE_UNREADABLE
    for words in (f"{name} may not be read by user 65534 (groups 65534)", "belongs to 0:0 with mode 0600", "chmod"):
        assert words in message


@pytest.mark.parametrize("place", ["model", "model/1_Pooling"])
def test_a_folder_that_may_not_be_entered(open_folder: Path, place: str) -> None:
    folder = write_files(open_folder / "model", st_files(POOLING))
    (open_folder / place).chmod(0o644)
    reason, message = run_unprivileged(lambda: look(folder)[1:])
    assert reason == Reason.SOURCE_UNREADABLE
    assert f"{open_folder / place} belongs to 0:0 with mode 0644" in message


def st_files(*modules: dict[str, str]) -> dict[str, bytes]:
    return {
        **model_files(),
        "modules.json": json.dumps(
            [{"path": "", "type": "sentence_transformers.models.Transformer"}, *modules]
        ).encode(),
        "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
        "2_Projection/config.json": b'{"in_features": 8, "out_features": 8}',
        "2_Projection/model.safetensors": safetensors({"linear.weight": b"12" * 64}),
    }


def test_the_folders_of_modules_json_are_part_of_the_source_with_their_weights(tmp_path: Path) -> None:
    files = st_files(POOLING, DENSE)
    listing, _reason, message = look(write_files(tmp_path, files))
    assert message == ""
    assert names(listing) == {*files}
    assert set(select_downloads(files, [], [], {})) == {*files}
    assert is_metadata("2_Projection/model.safetensors", 10**9, ["1_Pooling", "2_Projection"])
    assert not is_metadata("2_Projection/model.safetensors", 10, [])


@pytest.mark.parametrize(
    ("missing", "modules", "reason", "words"),
    [
        ("1_Pooling/config.json", [POOLING], Reason.SOURCE_INCOMPLETE, "1_Pooling/config.json is missing"),
        ("2_Projection/config.json", [DENSE], Reason.SOURCE_INCOMPLETE, "2_Projection/config.json is missing"),
        ("2_Projection/model.safetensors", [DENSE], Reason.SOURCE_INCOMPLETE, "the projection's weights"),
        ("", [{**DENSE, "path": "../other"}], Reason.SOURCE_CORRUPT, "outside the folder"),
        ("", [{**DENSE, "path": "/etc"}], Reason.SOURCE_CORRUPT, "outside the folder"),
        ("", [{**DENSE, "path": 7}], Reason.SOURCE_CORRUPT, "is not a string"),
    ],
)
def test_modules_that_cannot_work(
    tmp_path: Path, missing: str, modules: list[dict[str, str]], reason: Reason, words: str
) -> None:
    files = st_files(*modules)
    files.pop(missing, None)
    _listing, found, message = look(write_files(tmp_path, files))
    assert words in message
    assert found == reason


@pytest.mark.parametrize("content", [b"[1]", b"{", b"[" * 5000, b'"x"', b" " * (2 * 1024 * 1024)])
def test_modules_json_that_is_none(tmp_path: Path, content: bytes) -> None:
    _listing, reason, message = look(write_files(tmp_path, {**model_files(), "modules.json": content}))
    assert reason == Reason.SOURCE_CORRUPT
    assert "modules.json" in message


def test_which_files_belong_to_a_model() -> None:
    taken = (
        "config.json", "tokenizer.json", "tiktoken.model", "spm.model", "sentencepiece.bpe.model", "normalizer.json",
        "sentence_xlnet_config.json", "sentence_bert_config.json", "quantization_config.json", "hf_quant_config.json",
        "tokenization_kimi.py", "chat_template.jinja", "additional_chat_templates/tool.jinja", "vocab.txt",
        "LICENSE", "README.md", "params.json", "tekken.json", "1_Pooling/config.json", "some_new_thing.yaml",
        "merges.txt", "qwen.tiktoken",
    )  # fmt: skip
    assert [name for name in taken if not is_metadata(name, 1000)] == []
    left = (
        "model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "original/params.json", "x.gguf",
        "onnx/model.onnx", "optimizer.pt", "trainer_state.json", "checkpoint-10/config.json", ".git/config", "logo.png",
        "lost+found/x", "events.out.tfevents.1", "rng_state_0.pth", "consolidated.00.pth", "global_step10/x.json",
    )  # fmt: skip
    assert [name for name in left if is_metadata(name, 1000)] == []
    assert not is_metadata("corpus.txt", LARGEST_FILE + 1)
    assert is_metadata("tokenizer.json", LARGEST_FILE + 1)


def test_a_mistral_source_without_config_json(tmp_path: Path) -> None:
    files = {
        "params.json": b'{"dim": 8, "n_layers": 1, "n_heads": 4}',
        "consolidated.safetensors": safetensors({"a": b"12"}),
    }
    folder = write_files(tmp_path, files)
    _listing, reason, message = look(folder)
    assert reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert "config_format: mistral" in message
    asked = EngineSettings(extra_args={"config_format": "mistral"})
    assert check_source(list_source(folder, asked.extra_args), asked).weights == ["consolidated.safetensors"]
    (folder / "params.json").rename(folder / "config.json")
    with pytest.raises(WorkerFailure, match="remove config_format"):
        check_source(list_source(folder, asked.extra_args), asked)


def test_mistrals_weights_in_a_folder_below_lead_vllm_astray(tmp_path: Path) -> None:
    folder = write_files(tmp_path, {**model_files(), "original/consolidated.safetensors": b"x"})
    _listing, reason, message = look(folder)
    assert reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert "because of original/consolidated.safetensors" in message
    asked = EngineSettings(extra_args={"load_format": "safetensors"})
    check_source(list_source(folder, asked.extra_args), asked)


def test_many_tensors_and_files_take_little_memory(tmp_path: Path) -> None:
    weights = {}
    index = {}
    for file in range(200):
        name = f"model-{file:05}-of-00200.safetensors"
        tensors = {f"model.layers.{file}.mlp.experts.{each}.gate_up_proj.weight_scale": b"12" for each in range(500)}
        weights[name] = safetensors(tensors)
        index.update(dict.fromkeys(tensors, name))
    files = {**model_files(), **weights, INDEX: json.dumps({"weight_map": index}).encode()}
    files["trainer_state.json"] = files["results.json"] = b"[" + b"[]," * 5_000_000 + b"[]]"
    files["tokenizer.json"] = json.dumps({"model": {"vocab": {f"t{each}": each for each in range(200_000)}}}).encode()
    write_files(tmp_path / "model", files)
    peak = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    script = f"import sys; from shardwright_worker.cli.main import run; assert run(sys.argv[1:]) == 0; {peak}"
    flags = ["prepare", "--source", str(tmp_path / "model"), "--output", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", script, *flags], capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1]) < 140 * 1024  # KiB, of which the interpreter has some 40 MiB


@pytest.mark.parametrize(("name", "refused"), [("vocab.json", True), ("config.json", True), ("modeling.py", False)])
def test_a_file_that_would_be_copied_from_outside_the_source_is_refused_in_prepare(
    tmp_path: Path, name: str, refused: bool
) -> None:
    """Code is copied only if it is trusted."""
    folder = write_files(tmp_path / "model", {**model_files(), "vocab.json": b"{}", "modeling.py": b""})
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(f"../{name}")
    _, reason, message = look(folder)
    assert (reason, f"{name} leads out of the source's folder" in message) == (
        (Reason.SOURCE_CORRUPT, True) if refused else ("", False)
    )
    with pytest.raises(WorkerFailure, match=f"{name} leads out"):
        check_source(list_source(folder, {}), EngineSettings(trust_remote_code=True))
