"""Everything that can be known of a source without a GPU and without reading its weights."""

from typing import NamedTuple

from shardwright_worker.checks.extra_values import check_values
from shardwright_worker.checks.model_limits import check_limits
from shardwright_worker.checks.source_quantization import check_quantization
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.hub.repository import HubSource
from shardwright_worker.prepare.disk_space import expected_bytes, expected_of_stored
from shardwright_worker.source.json_files import configuration, read_json_files
from shardwright_worker.source.listing import Listing
from shardwright_worker.source.metadata_files import metadata_names
from shardwright_worker.source.modules import check_modules
from shardwright_worker.source.weights import check_index, check_weights


class Checked(NamedTuple):
    """What a source that passed tells: its weight files, and about how many bytes its shards will take."""

    weights: list[str]
    expected_bytes: int


def check_source(listing: Listing, engine: EngineSettings) -> Checked:
    """Check the whole source, or end with the reason why it cannot be sharded like this."""
    check_values(engine.extra_args)
    content = read_json_files(listing)
    config = configuration(listing, content, engine.extra_args)
    weights = check_weights(listing, engine.extra_args)
    check_modules(listing.folder, {file.name for file in listing.files})
    metadata_names(listing, engine.trust_remote_code)
    check_quantization(config, engine, listing)
    check_limits(config, engine)
    sizes = {file.name: file.size for file in listing.files}
    stored = sum(sizes[name] for name in weights.files)
    return Checked(weights.files, expected_bytes(weights, stored, config, engine))


def check_hub_files(listing: Listing, hub: HubSource, engine: EngineSettings) -> int:
    """Check what the small files tell, before a repository's large ones are fetched; gives the shards' bytes, about."""
    check_values(engine.extra_args)
    content = read_json_files(listing)
    config = configuration(listing, content, engine.extra_args)
    check_quantization(config, engine, listing)
    check_limits(config, engine)
    names = [file.name for file in hub.files]
    check_index(listing, names, engine.extra_args)
    check_modules(listing.folder, names)
    return expected_of_stored(sum(file.size_or(0) for file in hub.weights(engine.extra_args)), config, engine)
