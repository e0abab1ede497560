"""The command line: `python3 -m tools.cluster up|down|images|load|status|kubeconfig|prerequisites`."""

from __future__ import annotations

import argparse
import sys

from tools.cluster.backend import backend
from tools.cluster.description import IMAGES
from tools.cluster.errors import ClusterError
from tools.cluster.images import build
from tools.cluster.locking import exclusive
from tools.cluster.paths import CACHE, KUBECONFIG


def main() -> int:
    """Run the command; print an expected failure as a sentence instead of a traceback."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("up", "start the cluster, unless it runs"),
        ("down", "stop it and delete its state; cached images and programs stay"),
        ("status", "print the state of its processes"),
        ("kubeconfig", "print the path of the kubeconfig"),
        ("prerequisites", "install the packages and build the programs that `up` needs"),
    ):
        commands.add_parser(name, help=text)
    for name, text in (("images", "build images"), ("load", "build images and import them into the cluster")):
        commands.add_parser(name, help=text).add_argument("image", nargs="*", choices=[*IMAGES, []], default=[])
    arguments = parser.parse_args()
    try:
        return _run(arguments)
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    names = getattr(arguments, "image", None) or list(IMAGES)
    if arguments.command == "kubeconfig":
        print(KUBECONFIG)
        return 0
    cluster = backend()
    if arguments.command == "status":
        parts = cluster.status()
        print("\n".join(f"{part:26}{state}" for part, state in parts.items()))
        return 0 if parts.get("API server") == "ready" else 1
    with exclusive(CACHE / "cluster.lock", "another cluster command is running"):
        if arguments.command == "images":
            build(names)
        elif arguments.command == "load":
            cluster.load(names)
        else:
            {"up": cluster.up, "down": cluster.down, "prerequisites": cluster.prerequisites}[arguments.command]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
