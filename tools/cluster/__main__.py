"""The command line: `python3 -m tools.cluster up|down|images|load|status|kubeconfig|prerequisites`."""

from __future__ import annotations

import argparse
import sys

from tools.cluster.backend import backend
from tools.cluster.description import IMAGES
from tools.cluster.images import build
from tools.cluster.places import CACHE, KUBECONFIG
from tools.cluster.report import ClusterError, alone


def main() -> int:
    """Do what was asked; a failure is one sentence, not a traceback."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("up", "bring the cluster up"),
        ("down", "take it down"),
        ("status", "say which parts run"),
        ("kubeconfig", "print the path of the kubeconfig"),
        ("prerequisites", "install and build what `up` needs"),
    ):
        commands.add_parser(name, help=text)
    for name, text in (("images", "build images"), ("load", "build images and bring them into the cluster")):
        commands.add_parser(name, help=text).add_argument("image", nargs="*", choices=[*IMAGES, []], default=[])
    asked = parser.parse_args()
    try:
        return _do(asked)
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1


def _do(asked: argparse.Namespace) -> int:
    names = getattr(asked, "image", None) or list(IMAGES)
    if asked.command == "kubeconfig":
        print(KUBECONFIG)
        return 0
    cluster = backend()
    if asked.command == "status":
        parts = cluster.status()
        print("\n".join(f"{part:26}{state}" for part, state in parts.items()))
        return 0 if parts.get("API server") == "ready" else 1
    with alone(CACHE / "cluster.lock", "another command for a cluster is running"):
        if asked.command == "images":
            build(names)
        elif asked.command == "load":
            cluster.load(names)
        else:
            {"up": cluster.up, "down": cluster.down, "prerequisites": cluster.prerequisites}[asked.command]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
