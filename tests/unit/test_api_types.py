"""The resource's types: what is read leniently, what is written, and what is made from them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from shardwright_operator.api.crd import custom_resource_definition, schema_of
from shardwright_operator.api.duration import seconds
from shardwright_operator.api.field_types import Api
from shardwright_operator.api.generate import ROOT, outputs
from shardwright_operator.api.reference import conditions_page, reference_page
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Artifact, Condition, Durations, Failure, Status
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS
from tools.testing.checkpoints import manifest

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _schema(part: str) -> Any:
    return custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part]


@pytest.mark.parametrize("path", outputs(), ids=str)
def test_generated_files_are_current(path: Any) -> None:
    assert (ROOT / path).read_text() == outputs()[path], "run `make generate`"


@pytest.mark.parametrize(
    ("text", "expected"), [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("45s", 45), ("1h1m1s", 3661)]
)
def test_durations_are_read(text: str, expected: int) -> None:
    assert seconds(text) == expected


def test_a_spec_of_a_newer_version_is_read() -> None:
    raw = manifest("new", novelty={"of": "tomorrow"})["spec"]
    raw["engine"]["contextParallelSize"] = 2
    spec = Spec.model_validate(raw)
    assert spec.engine.tensor_parallel_size == 2
    assert "contextParallelSize" not in spec.model_dump(by_alias=True)["engine"]


def test_the_engine_is_what_the_worker_is_asked_for() -> None:
    engine = {
        "image": "engine:2",
        "tensorParallelSize": 4,
        "pipelineParallelSize": 2,
        "dtype": "bfloat16",
        "extraArgs": {"load_format": "pt"},
    }
    settings = Spec.model_validate(manifest("any", engine=engine)["spec"]).engine.settings()
    assert settings == EngineSettings(
        tensor_parallel_size=4, pipeline_parallel_size=2, dtype="bfloat16", extra_args={"load_format": "pt"}
    )


def test_every_engine_setting_of_the_worker_can_be_written_in_the_spec() -> None:
    assert set(EngineSettings.model_fields) == set(Spec.model_fields["engine"].annotation.model_fields) - {"image"}  # type: ignore[union-attr]


def test_status_comes_back_as_it_was_written_and_leaves_out_what_is_empty() -> None:
    artifact = Artifact(
        claim_name="shards",
        path="models/llama/k",
        manifest_digest="m",
        bytes=1,
        files=1,
        tensor_parallel_size=2,
        pipeline_parallel_size=1,
        completed_at=NOW,
    )
    status = Status(
        observed_generation=3,
        conditions=[Condition(type="Ready", status="True", reason="Succeeded", last_transition_time=NOW)],
        artifact=artifact,
        duration_seconds=Durations(load=1.5),
        last_failure=Failure(reason=Reason.OUT_OF_MEMORY, message="no room", time=NOW),
    )
    wire = status.to_wire()
    assert Status.model_validate(wire) == status
    assert wire["durationSeconds"] == {"load": 1.5}
    assert wire["conditions"][0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert not {"job", "progress", "serving", "failedAttempts", "maintenance"} & set(wire)


def test_a_status_without_anything_is_that_of_a_resource_nobody_looked_at() -> None:
    assert Status.model_validate({"observedGeneration": -1}) == Status()
    assert _schema("status")["default"] == {"observedGeneration": -1}


def test_conditions_merge_by_type() -> None:
    conditions = _schema("status")["properties"]["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_status_takes_the_words_of_a_newer_operator() -> None:
    reason = _schema("status")["properties"]["lastFailure"]["properties"]["reason"]
    assert "enum" not in reason


def test_every_free_text_list_and_map_of_the_spec_has_a_limit() -> None:
    limits = {"string": "maxLength", "array": "maxItems"}
    unlimited = [
        path
        for path, schema in _walk("spec", _schema("spec"))
        if "enum" not in schema
        and (limits.get(schema["type"], schema["type"]) not in schema)
        and (schema["type"] in limits or ("additionalProperties" in schema and "maxProperties" not in schema))
    ]
    assert unlimited == []


@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_field_is_explained(part: str) -> None:
    fields = [(path, schema) for path, schema in _walk(part, _schema(part)) if not path.endswith("[]")]
    assert [path for path, schema in fields if not schema.get("description")] == []


def test_schemas_know_one_type_a_field() -> None:
    class Torn(Api):
        field: float | str = 0

    with pytest.raises(AssertionError, match="a field must have one type"):
        schema_of(Torn.model_json_schema(by_alias=True))


def test_the_reference_lists_every_field_with_its_rules_and_words() -> None:
    page = reference_page()
    for part in ("spec", "status"):
        for path, schema in _walk(part, _schema(part)):
            assert f"| `{path}` |" in page or path.endswith("[]") or path == part, path
            for rule in schema.get("x-kubernetes-validations", ()):
                assert rule["message"] in page
    assert "One of Digests, Load, Generate." in page


def test_the_page_of_conditions_names_every_condition() -> None:
    for kind in ("Ready", "Reconciling", "Stalled", "VolumeReady", "SourceReady", "ShardsComplete", "Verified"):
        assert f"`{kind}`" in conditions_page()


def test_the_allowed_engine_arguments_are_those_of_the_worker() -> None:
    names, *_ = _schema("spec")["properties"]["engine"]["properties"]["extraArgs"]["x-kubernetes-validations"]
    assert all(f"'{name}'" in names["rule"] for name in EXTRA_ARGUMENTS)


def test_levels_are_those_of_the_worker() -> None:
    levels = get_args(Spec.model_fields["verification"].annotation)
    assert [one.lower() for one in levels] == ["digests", "load", "generate"]


def _walk(path: str, schema: Any) -> list[tuple[str, Any]]:
    found = [(path, schema)]
    for name, field in schema.get("properties", {}).items():
        found += _walk(f"{path}.{name}", field)
    if "items" in schema:
        inner = schema["items"]
        found += _walk(f"{path}[]", inner)
    return found
