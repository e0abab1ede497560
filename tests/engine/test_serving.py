"""What is verified is what a server loads: its arguments as vLLM's own parser reads them, its tokenizer, its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from tests.engine.conftest import Make
from tools.models import language, multimodal


def _refused(call: Callable[[], object]) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as failed:
        call()
    return failed.value


@pytest.mark.parametrize(
    "arguments",
    [{"linear_backend": "nonsense"}, {"moe_backend": "nonsense"}, {"runner": "nonsense"}, {"limit_mm_per_prompt": "{"}],
)
def test_arguments_that_a_server_rejects_are_refused(
    make: Make, output: Path, tmp_path: Path, arguments: dict[str, str]
) -> None:
    stages: list[str] = []
    source = language.llama(tmp_path / "source")
    failure = _refused(
        lambda: make(source, "load", lambda progress: stages.append(progress.stage), extra_args=arguments)
    )
    assert failure.reason is Reason.INVALID_ENGINE_ARGUMENTS, failure.message
    assert next(iter(arguments)).replace("_", "-") in failure.message
    assert Stage.SAVING not in stages
    assert list(output.iterdir()) == []


def test_a_custom_file_pattern_is_served(make: Make, output: Path, tmp_path: Path) -> None:
    source = language.llama(tmp_path / "source")
    report = make(source, file_pattern="mine-{rank}-{part}.safetensors")
    assert (output / report.key / "mine-0-0.safetensors").is_file()


def _at_verifying(output: Path, change: Callable[[Path], object]) -> Callable[[Progress], None]:
    done: list[bool] = []

    def watch(progress: Progress) -> None:
        if progress.stage == Stage.VERIFYING and not done:
            done.append(True)
            (staging,) = (path for path in output.glob(".staging/*") if path.is_dir())
            change(staging)

    return watch


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda staging: (staging / "tokenizer.json").unlink(), "tokenizer.json"),
        (lambda staging: (staging / "chat_template.jinja").unlink(), "chat_template.jinja"),
        (
            lambda staging: (staging / "tokenizer.json").write_text(
                (staging / "tokenizer.json").read_text().replace('"Hello": 3', '"Hello": 4')
            ),
            "tokens",
        ),
    ],
    ids=["no tokenizer", "no chat template", "another tokenizer"],
)
def test_an_artifact_without_its_tokenizer_fails(
    make: Make, output: Path, tmp_path: Path, change: Callable[[Path], object], named: str
) -> None:
    source = language.add_tokenizer(language.llama(tmp_path / "source"))
    failure = _refused(lambda: make(source, "load", _at_verifying(output, change)))
    assert failure.reason is Reason.VERIFICATION_FAILED, failure.message
    assert named in failure.message
    assert not list(output.glob("*/shardwright.json"))


def test_a_multimodal_model_without_its_processor_fails(make: Make, output: Path, tmp_path: Path) -> None:
    source = multimodal.qwen2_5_vl(tmp_path / "source")
    unknown = '{"processor_class": "Unknown", "image_processor": {"image_processor_type": "Unknown"}}'
    change = _at_verifying(output, lambda staging: (staging / "processor_config.json").write_text(unknown))
    failure = _refused(lambda: make(source, "load", change))
    assert failure.reason is Reason.VERIFICATION_FAILED, failure.message
    assert "processor" in failure.message
    assert not list(output.glob("*/shardwright.json"))


def test_a_tokenizer_that_does_not_load_stops_before_a_rank_starts(make: Make, output: Path, tmp_path: Path) -> None:
    source = language.add_tokenizer(language.llama(tmp_path / "source"))
    (source / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "Unknown"}}')
    stages: list[str] = []
    failure = _refused(lambda: make(source, "load", lambda progress: stages.append(progress.stage)))
    assert failure.reason is Reason.SOURCE_CORRUPT, failure.message
    assert Stage.SAVING not in stages


def test_a_source_that_changes_while_it_is_loaded_is_refused(make: Make, output: Path, tmp_path: Path) -> None:
    source = language.llama(tmp_path / "source")
    weights = source / "model.safetensors"

    def change(_staging: Path) -> None:
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(bytes(data))

    failure = _refused(lambda: make(source, "load", _at_verifying(output, change)))
    assert failure.reason is Reason.SOURCE_CHANGED, failure.message
    assert "model.safetensors" in failure.message
    assert list(output.iterdir()) == []
