"""Properties of the contract: what is written can be read, reports fit, keys depend on every input, secrets go."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from shardwright_worker.contract.engine import ALLOWED_EXTRA_ARGS, EngineSettings
from shardwright_worker.contract.naming import artifact_key, is_key, stays_inside
from shardwright_worker.contract.progress import Progress, Stage, read_progress
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import LIMIT, ArtifactReport, Report, SourceReport, read_report
from shardwright_worker.redaction import HIDDEN, redact

ANYTHING = st.text(st.characters(codec=None), max_size=6000)
COUNTS = st.integers(0, 2**60)
SECONDS = st.floats(0, 1e9)
PLAIN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_/.", max_size=200)

sources = st.builds(
    SourceReport,
    digest=st.text("0123456789abcdef", min_size=64, max_size=64),
    revision=PLAIN,
    path=PLAIN,
    volume=st.sampled_from(["source", "output"]),
    bytes=COUNTS,
    files=COUNTS,
)
artifacts = st.builds(
    ArtifactReport,
    key=st.text("0123456789abcdef", min_size=16, max_size=16),
    path=PLAIN,
    manifest_digest=st.text("0123456789abcdef", min_size=64, max_size=64),
    bytes=COUNTS,
    files=COUNTS,
    vllm_version=PLAIN,
    accelerator=st.text(max_size=40),
    verified_by=PLAIN,
    source_revision=PLAIN,
    completed_at=PLAIN,
)
reports = st.builds(
    Report,
    stage=st.sampled_from(["Prepare", "Shard", "Check"]),
    succeeded=st.booleans(),
    key=st.text("0123456789abcdef", max_size=16),
    reason=st.sampled_from(Reason),
    message=ANYTHING,
    error_type=st.none() | st.text(max_size=300),
    rank=st.none() | COUNTS,
    exit_code=st.integers(0, 255),
    source=st.none() | sources,
    artifact=st.none() | artifacts,
    upkeep=st.dictionaries(PLAIN, ANYTHING, max_size=3),
    durations=st.dictionaries(PLAIN, SECONDS, max_size=6),
)
settings = st.builds(
    EngineSettings,
    tensor_parallel_size=st.integers(1, 64),
    pipeline_parallel_size=st.integers(1, 16),
    enable_expert_parallel=st.booleans(),
    dtype=st.sampled_from(["auto", "bfloat16", "float16"]),
    quantization=st.sampled_from(["", "fp8", "awq"]),
    trust_remote_code=st.booleans(),
    hf_overrides=st.just("") | st.dictionaries(st.text(max_size=5), st.integers(), max_size=3).map(json.dumps),
    extra_args=st.dictionaries(st.sampled_from(sorted(ALLOWED_EXTRA_ARGS)), PLAIN, max_size=3),
)


@given(reports)
def test_a_report_fits_and_can_be_read(report: Report) -> None:
    text = report.to_text()
    assert len(text.encode()) <= LIMIT
    assert "\n" not in text
    read = read_report(text)
    assert read is not None
    assert (read.stage, read.succeeded, read.reason) == (report.stage, report.succeeded, report.reason)
    assert (read.exit_code, read.key, read.rank) == (report.exit_code, report.key, report.rank)
    assert (read.source, read.artifact) == (report.source, report.artifact)


@given(
    st.builds(
        Progress,
        stage=st.sampled_from(Stage),
        seconds=SECONDS,
        ranks_done=st.none() | COUNTS,
        ranks=st.none() | COUNTS,
        bytes_done=st.none() | COUNTS,
        bytes_total=st.none() | COUNTS,
    )
)
def test_progress_comes_back_from_its_line(progress: Progress) -> None:
    assert read_progress(progress.to_line()) == progress


@given(st.text())
def test_other_lines_are_no_progress_and_no_report(line: str) -> None:
    assert read_progress(line) is None
    assert read_report(line) is None


@given(settings, st.text("0123456789abcdef", min_size=64, max_size=64), PLAIN, PLAIN, st.integers(1, 2**50))
def test_a_key_is_a_key_and_every_input_changes_it(
    engine: EngineSettings, digest: str, image: str, pattern: str, size: int
) -> None:
    key = artifact_key(digest, engine, image, pattern, size)
    assert is_key(key)
    assert key == artifact_key(digest, engine.model_copy(), image, pattern, size)
    wider = engine.model_copy(update={"tensor_parallel_size": engine.tensor_parallel_size + 1})
    others = {
        artifact_key(digest[::-1] + "x", engine, image, pattern, size),
        artifact_key(digest, wider, image, pattern, size),
        artifact_key(digest, engine, image + "x", pattern, size),
        artifact_key(digest, engine, image, pattern + "x", size),
        artifact_key(digest, engine, image, pattern, size + 1),
    }
    assert key not in others


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=4))
def test_overrides_that_mean_the_same_give_the_same_key(overrides: dict[str, int]) -> None:
    written = [json.dumps(overrides), json.dumps(dict(reversed(overrides.items())), indent=1)]
    keys = {artifact_key("d", EngineSettings(hf_overrides=text), "", "", 1) for text in written}
    assert len(keys) == 1


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b.json", "a\\b", "\0"]), min_size=1, max_size=5).map("/".join))
def test_a_name_that_stays_inside_resolves_inside(name: str) -> None:
    import os.path

    if stays_inside(name):
        assert os.path.normpath(f"/folder/{name}") == f"/folder/{name}"


@given(st.text(), st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=30), st.text())
def test_no_hub_token_survives(before: str, letters: str, after: str) -> None:
    token = "hf_" + letters
    text = redact(f"{before} {token} {after}")
    assert token not in text
    assert HIDDEN in text


@given(st.text(), st.text(min_size=8).filter(str.strip), st.text())
def test_no_known_secret_survives(before: str, secret: str, after: str) -> None:
    if secret not in HIDDEN * 3:
        assert secret not in redact(before + secret + after, {secret}).replace(HIDDEN, "")


@given(st.text("abcdefghijklmnopqrstuvwxyz_ .,:/-0123456789"))
def test_ordinary_words_are_left_alone(text: str) -> None:
    ordinary = re.sub(r"(bearer|basic)\s", "", text)
    if not re.search(r"hf_[a-z0-9]{30}|://", ordinary):
        assert redact(ordinary) == ordinary
