"""The supported releases of vLLM, the bounds of worker/pyproject.toml; and which of them know a name."""

import re

SUPPORTED = ("0.26", "0.27", "0.28", "0.29", "0.30", "0.31", "0.32", "0.33")  # oldest first
NONE: tuple[str, ...] = ()  # a name of older releases that users still write


def since(release: str) -> tuple[str, ...]:
    """Return the supported releases from this one on."""
    return SUPPORTED[SUPPORTED.index(release) :]


def before(release: str) -> tuple[str, ...]:
    """Return the supported releases older than this one."""
    return SUPPORTED[: SUPPORTED.index(release)]


def release_of(version: str) -> str:
    """Return the release, such as 0.32, of a version such as 0.32.0+cpu; empty if the version cannot be read."""
    found = re.match(r"\d{1,9}\.\d{1,9}", version)
    return found[0] if found else ""


def is_older(version: str, release: str) -> bool:
    """Return whether a version is older than a release; one that cannot be read, such as a fork's, counts as newest."""
    found = release_of(version)
    return bool(found) and _numbers(found) < _numbers(release)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split("."))
