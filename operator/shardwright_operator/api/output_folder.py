"""The folder of a resource's artifacts on its output volume, and how such folders are compared."""

from posixpath import normpath

from shardwright_operator.api.spec import Spec


def folder_on_volume(namespace: str, resource: str, spec: Spec) -> str:
    """Return the folder of the resource's artifacts, relative to the root of the output volume."""
    return normpath(spec.output.path.strip("/") or f"{namespace}/{resource}")


def normalized(path: str) -> str:
    """Return the normal form of a path relative to the root of a volume; the root is the empty path."""
    normal = normpath(path.lstrip("/") or ".")
    return "" if normal == "." else normal


def is_inside(path: str, folder: str) -> bool:
    """Return whether a normalized path is the folder or below it."""
    return not folder or path == folder or path.startswith(f"{folder}/")
