"""All checks of a source that need neither a GPU nor the data of its weights."""

from typing import NamedTuple

from shardwright_worker.checks.extra_values import check_values
from shardwright_worker.checks.model_limits import check_limits
from shardwright_worker.checks.source_quantization import check_quantization
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.hub.repository import HubSource
from shardwright_worker.prepare.expected_size import expected_bytes, expected_bytes_from_config
from shardwright_worker.source.json_files import model_configuration, read_json_files
from shardwright_worker.source.listing import Listing
from shardwright_worker.source.metadata_files import metadata_names
from shardwright_worker.source.modules_json import check_modules
from shardwright_worker.source.weights import check_index, check_weights


class Preflight(NamedTuple):
    """The weight files of a source that passed, and about how many bytes its shards will take."""

    weights: list[str]
    expected_bytes: int


def check_source(listing: Listing, engine: EngineSettings) -> Preflight:
    """Check a complete source.

    Raises:
        WorkerFailure: the reason why it cannot be sharded with these settings.
    """
    check_values(engine.extra_args)
    content = read_json_files(listing)
    config = model_configuration(listing, content, engine.extra_args)
    weights = check_weights(listing, engine.extra_args)
    check_modules(listing.folder, {file.name for file in listing.files})
    metadata_names(listing, engine.trust_remote_code)
    check_quantization(config, engine, listing)
    check_limits(config, engine)
    sizes = {file.name: file.size for file in listing.files}
    stored = sum(sizes[name] for name in weights.files)
    return Preflight(weights.files, expected_bytes(weights, stored, config, engine))


def check_hub_files(listing: Listing, hub: HubSource, engine: EngineSettings) -> int:
    """Check a repository whose weights are not downloaded yet; return about how many bytes its shards will take.

    Raises:
        WorkerFailure: the reason why it cannot be sharded with these settings.
    """
    check_values(engine.extra_args)
    content = read_json_files(listing)
    config = model_configuration(listing, content, engine.extra_args)
    check_quantization(config, engine, listing)
    check_limits(config, engine)
    names = [file.name for file in hub.files]
    check_index(listing, names, engine.extra_args)
    check_modules(listing.folder, names)
    return expected_bytes_from_config(sum(file.size_or(0) for file in hub.weights(engine.extra_args)), config, engine)
