"""Writes the flags of vLLM's engine arguments, release by release, from its source, which is read and not imported.

`python -m tools.vllm_flags FOLDER...` reads unpacked releases, each a folder named after its version that holds `vllm`;
the tests of the worker's command line compare its tables with the result.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

from tools.cluster.paths import ROOT

FILE = ROOT / "tests" / "unit" / "worker" / "vllm_flags.json"


def flags_of(source: str) -> dict[str, str]:
    """Return the flags that `EngineArgs.add_cli_args` adds, each with its other spellings, separated by spaces."""
    (arguments,) = [
        node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == "EngineArgs"
    ]
    found: dict[str, str] = {}
    for call in ast.walk(arguments):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument":
            flag, *others = [str(word.value) for word in call.args if isinstance(word, ast.Constant)]
            found[flag] = " ".join(others)
    return found


def main(folders: list[str]) -> int:
    """Write the file: flag -> its other spellings and the releases that have it."""
    merged: dict[str, tuple[set[str], list[str]]] = {}
    for folder in sorted(map(Path, folders)):
        match = re.match(r"\d+\.\d+", folder.name)
        if match is None:
            print(f"{folder} is not named after a version", file=sys.stderr)
            return 1
        for flag, others in flags_of((folder / "vllm" / "engine" / "arg_utils.py").read_text()).items():
            spellings, releases = merged.setdefault(flag, (set(), []))
            spellings.update(others.split())
            releases.append(match[0])
    rows = [
        f"{json.dumps(flag)}: {json.dumps([' '.join(sorted(spellings)), ' '.join(releases)])}"
        for flag, (spellings, releases) in sorted(merged.items())
    ]
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
