"""Names on the volume: the artifact's key, its folders and its part files."""

import hashlib
import json
import re

from shardwright_worker.contract.engine_settings import EngineSettings

FORMAT_VERSION = 1
MANIFEST_NAME = "shardwright.json"
STAGING_FOLDER = ".staging"
SOURCES_FOLDER = ".sources"
DEFAULT_MAX_FILE_SIZE = 5 * 1024**3
KEY_DIGITS = 16


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(value: object) -> str:
    """SHA-256 over canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def artifact_key(
    source_digest: str,
    engine: EngineSettings,
    image: str,
    file_pattern: str,
    max_file_size: int,
    vllm_version: str = "",
) -> str:
    """16 hex digits that name an artifact: equal inputs, equal key. The one rule, for whoever makes or checks one.

    An empty pattern is vLLM's own. Without an image the release of the installed vLLM stands for it, if it is known.
    """
    identity = {
        "format": FORMAT_VERSION,
        "source": source_digest,
        "engine": engine.identity(),
        "image": image or (f"vllm=={release_of(vllm_version)}" if vllm_version else ""),
        "filePattern": file_pattern or default_file_pattern(engine.pipeline_parallel_size),
        "maxFileSize": max_file_size,
    }
    return digest_of(identity)[:KEY_DIGITS]


def release_of(vllm_version: str) -> str:
    """The release in a version: without the label of a build, such as `+cpu`."""
    return vllm_version.partition("+")[0]


def default_file_pattern(pipeline_parallel_size: int) -> str:
    """vLLM's own pattern: with pipeline stages since 0.32, else by rank."""
    if pipeline_parallel_size > 1:
        return "model-pp-{pp_rank}-tp-{tp_rank}-part-{part}.safetensors"
    return "model-rank-{rank}-part-{part}.safetensors"


def staging_name(key: str, attempt: str) -> str:
    """Folder name of one attempt under the staging folder."""
    return f"{key}.{attempt}"


def is_key(name: str) -> bool:
    """Whether a folder's name is an artifact's key."""
    return re.fullmatch(rf"[0-9a-f]{{{KEY_DIGITS}}}", name) is not None


def stays_inside(name: str) -> bool:
    """Whether a file's relative name, read in a manifest, an index or a hub's answer, cannot leave its folder."""
    parts = name.split("/")
    return "\\" not in name and "\0" not in name and all(part not in ("", ".", "..") for part in parts)
