"""Names on the volume: the artifact's key, its folders and its part files."""

import hashlib
import json
import re

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern

FORMAT_VERSION = 1
MANIFEST_NAME = "shardwright.json"
STAGING_FOLDER = ".staging"
SOURCES_FOLDER = ".sources"
DEFAULT_MAX_FILE_SIZE = 5 * 1024**3
KEY_DIGITS = 16


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and no spaces: equal values have equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(value: object) -> str:
    """Return the SHA-256 of a value's canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def artifact_key(
    source_digest: str,
    engine: EngineSettings,
    image: str,
    file_pattern: str,
    max_file_size: int,
    vllm_version: str = "",
) -> str:
    """Return the artifact's key, 16 hex digits: equal for inputs that mean the same, however they are written.

    This is the only rule: prepare, shard, the check of an artifact and its adoption call it. An empty pattern is vLLM's
    own. Without an image, the release of the installed vLLM takes its place if it is known.
    """
    identity = {
        "format": FORMAT_VERSION,
        "source": source_digest,
        "engine": engine.identity(),
        "image": image or (f"vllm=={public_version(vllm_version)}" if vllm_version else ""),
        "filePattern": file_pattern or default_file_pattern(engine.pipeline_parallel_size),
        "maxFileSize": max_file_size,
    }
    return digest_of(identity)[:KEY_DIGITS]


def public_version(version: str) -> str:
    """Return a version without the label of a build, such as `+cpu`.

    https://packaging.python.org/en/latest/specifications/version-specifiers/#local-version-identifiers
    """
    return version.partition("+")[0]


def staging_name(key: str, attempt: str) -> str:
    """Return the name of an attempt's folder under the staging folder."""
    return f"{key}.{attempt}"


def is_key(name: str) -> bool:
    """Return whether a folder's name is an artifact's key."""
    return re.fullmatch(rf"[0-9a-f]{{{KEY_DIGITS}}}", name) is not None


def stays_inside(name: str) -> bool:
    """Return whether a file's relative name from a manifest, an index or the Hub stays inside its folder."""
    parts = name.split("/")
    return "\\" not in name and "\0" not in name and all(part not in ("", ".", "..") for part in parts)
