"""Selects the files beside the weights that are copied to the artifact: configuration, tokenizer, code, license."""

import os
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.source.listing import Listing
from shardwright_worker.source.modules_json import module_folders
from shardwright_worker.source.selection import is_metadata

_CODE, _CONFIGURATION_CODE = ("*.py", "*.so", "*.sh"), "configuration_*.py"


def metadata_names(listing: Listing, trust_remote_code: bool) -> list[str]:
    """Return the sorted names of the files to copy; code only if it is trusted, configuration classes always.

    Raises:
        WorkerFailure: SourceCorrupt for a link that leads out of the source.
    """
    modules = module_folders(listing.folder)
    names = [file.name for file in listing.files if is_metadata(file.name, file.size, modules)]
    kept = sorted(name for name in names if trust_remote_code or not _is_code(name))
    for name in kept:
        _reject_outside(listing.folder, name)
    return kept


def _is_code(name: str) -> bool:
    last = PurePosixPath(name).name
    return any(fnmatch(last, pattern) for pattern in _CODE) and not fnmatch(last, _CONFIGURATION_CODE)


def _reject_outside(folder: Path, name: str) -> None:
    """Reject a link that leads out of the folder, except to the blobs of a Hub cache, whose snapshots are links.

    https://huggingface.co/docs/huggingface_hub/guides/manage-cache
    """
    real, root = Path(os.path.realpath(folder / name)), Path(os.path.realpath(folder))
    blobs = root.parent.parent / "blobs" if root.parent.name == "snapshots" else root
    if not real.is_relative_to(root) and not real.is_relative_to(blobs):
        message = f"{name} leads out of the source's folder, to {real}: replace the link with a copy of the file"
        raise WorkerFailure(Reason.SOURCE_CORRUPT, message)
