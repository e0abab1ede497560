"""Keeps one version of Shardwright: that of pyproject.toml, which every other file repeats.

`python -m tools.versions` writes it to the other files, `--check` only compares. Python packages, chart and images are
released together, so they have the same version.
"""

from __future__ import annotations

import re
import sys
import tomllib

from tools.cluster.paths import ROOT

_NUMBER = r"[0-9]+\.[0-9]+\.[0-9]+"
_PROJECT = rf'(?m)(^version = "){_NUMBER}'
_TAG = rf"((?:shardwright|REGISTRY)/[a-z-]+:){_NUMBER}"
# File -> the places in it, as expressions whose first group comes before the version.
PLACES: dict[str, tuple[str, ...]] = {
    "operator/pyproject.toml": (_PROJECT,),
    "worker/pyproject.toml": (_PROJECT,),
    "uv.lock": (rf'(name = "shardwright(?:-operator|-worker)?"\nversion = "){_NUMBER}',),
    "charts/shardwright/Chart.yaml": (rf"(?m)(^version: ){_NUMBER}", rf"(?m)(^appVersion: ){_NUMBER}"),
    "charts/shardwright/values.yaml": (_TAG,),
    "examples/serve.yaml": (_TAG,),
    "README.md": (_TAG,),
}


def current() -> str:
    """Return the version of the root pyproject.toml."""
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return version


def updated(name: str, version: str) -> str:
    """Return the text of a file with this version.

    Raises:
        ValueError: The file lacks one of its places.
    """
    text = (ROOT / name).read_text()
    for place in PLACES[name]:
        text, found = re.subn(place, rf"\g<1>{version}", text)
        if not found:
            raise ValueError(f"{name} has no version that {place} finds")
    return text


def stale() -> list[str]:
    """Return the files that have another version than pyproject.toml."""
    version = current()
    return [name for name in PLACES if (ROOT / name).read_text() != updated(name, version)]


def main() -> int:
    """Write the version, or compare it with `--check`. Return 1 if that finds a difference."""
    names = stale()
    if sys.argv[1:] == ["--check"]:
        for name in names:
            print(f"{name} has another version than pyproject.toml: run `make generate`", file=sys.stderr)
        return 1 if names else 0
    for name in names:
        (ROOT / name).write_text(updated(name, current()))
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
