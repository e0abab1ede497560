"""Nothing in a spec becomes a flag: a worker's command line, read back, says what the spec says and no more."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import ResolvedSource
from shardwright_operator.decide.job_request import JobFacts, PrepareJobRequest, Pruning, ShardJobRequest
from shardwright_operator.manifests.job import build_job
from shardwright_worker.cli.arguments import build_parser
from shardwright_worker.cli.engine_settings import engine_settings
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.sizes import parse_size
from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS
from shardwright_worker.contract.vllm_support.quantization import UNSAVABLE

FACTS = JobFacts("ns", "name", "uid", "name-prepare-1", "Prepare", 1, "inputs", "template")
FLAGS = [
    "--help",
    "-h",
    "--version",
    "--history-limit=100",
    "--token-file=/x",
    "--",
    "-",
    "-1",
    "--trust-remote-code",
    "-tp",
]
TEXT = st.sampled_from([*FLAGS, "$(HOME)", "$$(HOME)", "$", "a b", "@file", "ü", "", "a=b", "x\n--help"]) | st.text(
    st.characters(codec="utf-8"), max_size=30
)
OBJECTS = st.just("") | st.dictionaries(TEXT, TEXT, max_size=3).map(json.dumps)
# What load_format and the quantization may be is checked elsewhere.
EXTRA = st.dictionaries(st.sampled_from(sorted({*EXTRA_ARGUMENTS} - {"load_format"})), TEXT, max_size=4)
ENGINES = st.fixed_dictionaries(
    {},
    optional={
        "image": TEXT,
        "tensorParallelSize": st.integers(1, 1024),
        "pipelineParallelSize": st.integers(1, 1024),
        "enableExpertParallel": st.booleans(),
        "dtype": st.sampled_from(["auto", "half", "bfloat16"]),
        "quantization": TEXT.filter(lambda text: text not in UNSAVABLE),
        "trustRemoteCode": st.booleans(),
        "hfOverrides": OBJECTS,
        "extraArgs": EXTRA,
    },
)
REPOSITORIES = st.fixed_dictionaries(
    {"repo": st.sampled_from(["org/model", "gpt2"])},
    optional={
        "revision": TEXT,
        "endpoint": st.just("") | TEXT.map("http://{}".format),
        "include": st.lists(TEXT, max_size=4),
        "exclude": st.lists(TEXT, max_size=4),
        "tokenSecretRef": st.just({"name": "s", "key": "k"}),
    },
)
SOURCES = st.one_of(
    REPOSITORIES.map(lambda hub: {"huggingFace": hub}),
    TEXT.map(lambda path: {"persistentVolumeClaim": {"claimName": "models", "path": path}}),
)
OUTPUTS = st.fixed_dictionaries(
    {"persistentVolumeClaim": st.just({"claimName": "shards"})},
    optional={
        "path": st.sampled_from(["-x", "a/-b"]),
        "maxFileSize": st.sampled_from(["5Gi", "500M"]),
        "filePattern": st.sampled_from(["", "-m-{part}.safetensors"]),
        "historyLimit": st.integers(1, 9),
    },
)
SPECS = st.builds(
    lambda **parts: Spec.model_validate(parts),
    source=SOURCES,
    engine=ENGINES,
    output=OUTPUTS,
    verification=st.sampled_from(["Digests", "Load", "Generate"]),
)


PARSER = build_parser()


def parsed(job: dict[str, Any]) -> Any:
    """The command line as the worker reads it, once Kubernetes has put variables in."""
    words = job["spec"]["template"]["spec"]["containers"][0]["args"]
    given = [re.sub(r"\$\$|\$\((\w+)\)", lambda found: "$" if not found.group(1) else "EXPANDED", one) for one in words]
    return PARSER.parse_args(given)


def layout(spec: Spec, image: str) -> dict[str, Any]:
    return {
        "image": image,
        "file_pattern": spec.output.file_pattern,
        "max_file_size": parse_size(spec.output.max_file_size),
        "output": f"/output/{spec.output.path or 'ns/name'}",
        "volume_root": "/output",
        "report": "/dev/termination-log",
    }


def same(arguments: Any, wanted: dict[str, Any]) -> None:
    assert {name: getattr(arguments, name) for name in wanted} == wanted


@given(SPECS, TEXT, st.lists(TEXT, max_size=3))
def test_a_prepare_job_says_what_the_spec_says(spec: Spec, published: str, in_use: list[str]) -> None:
    pruning = Pruning(spec.output.history_limit, tuple(in_use), 0) if spec.output.history_limit else None
    request = PrepareJobRequest(FACTS, spec, spec.engine.image, "prepare:1", published=published, pruning=pruning)
    arguments = parsed(build_job(request))
    assert arguments.command == "prepare"
    same(arguments, layout(spec, spec.engine.image))
    if hub := spec.source.hugging_face:
        same(arguments, hub.model_dump(include={"repo", "revision", "endpoint", "include", "exclude"}))
        same(arguments, {"token_file": "/token/token" if hub.token_secret_ref else "", "source": ""})
    else:
        same(arguments, {"repo": "", "revision": "main", "include": [], "exclude": [], "token_file": ""})
        assert arguments.source.startswith("/source")
    same(arguments, {"published": [published] if published else []})
    used = {"history_limit": spec.output.history_limit, "in_use": in_use}
    same(arguments, used if pruning else {"history_limit": None, "in_use": []})
    assert engine_settings(arguments) == spec.engine.settings()


@given(SPECS, TEXT)
def test_a_shard_job_says_what_the_spec_says(spec: Spec, revision: str) -> None:
    source = ResolvedSource(digest="d" * 64, revision=revision, path=".sources/d", volume="output", key="0" * 16)
    arguments = parsed(build_job(ShardJobRequest(FACTS, spec, spec.engine.image, source)))
    assert arguments.command == "shard"
    same(arguments, layout(spec, spec.engine.image))
    same(arguments, {"source_digest": source.digest, "source_revision": source.revision, "artifact_name": "0" * 16})
    same(arguments, {"verification": spec.verification.lower(), "attempt": FACTS.job})
    assert engine_settings(arguments) == spec.engine.settings()


@given(SPECS.map(lambda spec: spec.engine.settings()))
def test_a_server_is_given_no_flags_but_those_of_its_settings(settings: EngineSettings) -> None:
    words = settings.serving_arguments()
    flags = {word.partition("=")[0] for word in words if word.startswith("-")}
    names = {"--" + name.replace("_", "-") for name in EngineSettings.model_fields} | {"--no-language-model-only"}
    assert flags <= names | {"--" + name.replace("_", "-") for name in EXTRA_ARGUMENTS}
    assert "--model" not in flags
