"""What is on a volume, byte for byte, to tell that nothing was touched."""

from __future__ import annotations

from pathlib import Path


def contents(folder: Path) -> dict[str, bytes | str]:
    """Every entry below the folder by its relative name: a file's bytes, a link's target, `/` for a folder."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        found[name] = str(path.readlink()) if path.is_symlink() else "/" if path.is_dir() else path.read_bytes()
    return found
