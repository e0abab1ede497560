"""What the status says of a published artifact, whatever a worker writes."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from shardwright_operator.api.status import Artifact
from shardwright_worker.contract.measured import Measured, MeasuredLoad
from tests.unit.decide.namespaces import ready
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import START
from tools.testing.fake_worker import artifact


def _published(**facts: object) -> Artifact:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    key = namespace.status.source.key if namespace.status.source else ""
    namespace.succeed(artifact=artifact(key).model_copy(update=facts))
    namespace.settle()
    assert namespace.status.artifact is not None
    return namespace.status.artifact


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2025-05-05T10:00:00+02:00", datetime(2025, 5, 5, 8, tzinfo=UTC)),
        ("2025-05-05T10:00:00", datetime(2025, 5, 5, 10, tzinfo=UTC)),
        ("yesterday", START),
        ("", START),
    ],
)
def test_times_of_workers_become_times_that_the_api_server_accepts(written: str, read: datetime) -> None:
    assert _published(completed_at=written).completed_at == read


def test_a_measurement_is_shown_with_the_artifact() -> None:
    measured = Measured(source=MeasuredLoad(seconds=41.0, bytes_read=2**33), shards=MeasuredLoad(seconds=12.5))
    shown = _published(measured=measured).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert shown["measured"] == {"source": {"seconds": 41.0, "bytesRead": 2**33}, "shards": {"seconds": 12.5}}
    assert _published().measured is None


def test_serving_can_be_pasted_into_a_deployment() -> None:
    engine = {
        "tensorParallelSize": 2,
        "pipelineParallelSize": 2,
        "extraArgs": {"load_format": "pt", "runner": "pooling"},
    }
    output = {
        "persistentVolumeClaim": {"claimName": "shards"},
        "filePattern": "m-{pp_rank}-{tp_rank}-{part}.safetensors",
    }
    namespace = ready(engine=engine, output=output)
    serving, published = namespace.status.serving, namespace.status.artifact
    assert serving is not None
    assert published is not None
    where = f"/models/{published.path}"
    assert serving.volume.model_dump() == {
        "claim_name": "shards",
        "sub_path": published.path,
        "mount_path": where,
        "read_only": True,
    }
    assert serving.args == [
        *("--model", where, "--load-format", "sharded_state"),
        *("--tensor-parallel-size", "2", "--pipeline-parallel-size", "2", "--runner", "pooling"),
        *("--model-loader-extra-config", '{"pattern": "m-{pp_rank}-{tp_rank}-{part}.safetensors"}'),
    ]


def test_the_steps_of_a_load_are_shown_beside_it() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    steps = {"import": 6.5, "configure": 1.0, "startRanks": 3.0, "readWeights": 19.5}
    unknown = {"save": math.nan, "verify": 1e300, "import_": 1.0, "start_ranks": 2.0, "thinking": 4.0}
    namespace.succeed(duration_seconds={"load": 30.02, **steps, **unknown})
    namespace.settle()
    assert namespace.status.to_wire()["durationSeconds"] == {"queue": 0.0, "load": 30.0, **steps}
