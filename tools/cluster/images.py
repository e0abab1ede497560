"""Builds the images, each tagged by the content that it is built from; an image that exists is not rebuilt."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.cluster import buildah
from tools.cluster.description import IMAGES
from tools.cluster.errors import ClusterError
from tools.cluster.paths import ROOT
from tools.cluster.progress import step
from tools.cluster.uv_lock import closure

_ENGINE_BASE = "tools/cluster/engine-base.Dockerfile"
_PUBLIC_BASE = "docker.io/library/python:3.12-slim-bookworm"
_DEBIAN = ("bookworm", "python3", "python3-venv", "ca-certificates", "libgomp1", "libnuma1")


@dataclass(frozen=True)
class Recipe:
    """One image: its Dockerfile and target, its source folders, and the locked package that it installs."""

    dockerfile: str
    target: str
    sources: tuple[str, ...]
    package: str
    extra: str = ""


RECIPES = {
    "operator": Recipe(
        "operator/Dockerfile",
        "",
        ("operator/shardwright_operator", "worker/shardwright_worker"),
        "shardwright-operator",
    ),
    "worker-prepare": Recipe(
        "worker/Dockerfile", "prepare", ("worker/shardwright_worker",), "shardwright-worker", "prepare"
    ),
    "worker-engine": Recipe(
        "worker/Dockerfile", "engine", ("worker/shardwright_worker",), "shardwright-worker", "engine-cpu"
    ),
}


def build(names: list[str]) -> dict[str, str]:
    """Build the images that have changed with buildah; return the tagged image for each name."""
    buildah.prerequisites()
    base = buildah.debian(_DEBIAN)
    return {name: _build(name, RECIPES[name], base) for name in names}


def build_with_docker(names: list[str]) -> None:
    """Build the images with Docker, which pulls the public base image and has its own cache."""
    for name in names:
        recipe = RECIPES[name]
        arguments = {}
        if recipe.target == "engine":
            arguments["ENGINE_BASE"] = "shardwright.local/engine-base:dev"
            _docker(_ENGINE_BASE, "", arguments["ENGINE_BASE"], {"BASE": _PUBLIC_BASE})
        _docker(recipe.dockerfile, recipe.target, IMAGES[name], arguments)


def _build(name: str, recipe: Recipe, base: str) -> str:
    arguments = {"BASE": base}
    if recipe.target == "engine":
        arguments["ENGINE_BASE"] = _engine_base(base)
    key = _key([base, recipe.target, closure(recipe.package, recipe.extra), *arguments.values()], recipe)
    image = f"{IMAGES[name].removesuffix(':dev')}:{key}"
    if not buildah.has(image):
        with step(f"building image {name}"):
            buildah.build(recipe.dockerfile, f"{recipe.dockerfile}.dockerignore", recipe.target, image, arguments)
        buildah.remove_other_tags(image)
        if engine := arguments.get("ENGINE_BASE"):
            buildah.remove_other_tags(engine)
    return image


def _engine_base(base: str) -> str:
    """Build the layer with vLLM, once for each set of locked versions; return its image."""
    content = [base, closure("shardwright-worker", "engine-cpu"), (ROOT / _ENGINE_BASE).read_text()]
    image = f"shardwright.local/engine-base:{hashlib.sha256(''.join(content).encode()).hexdigest()[:16]}"
    if not buildah.has(image):
        with step("building the image with vLLM's CPU build (several minutes and 6 GB, once)"):
            buildah.build(_ENGINE_BASE, "worker/Dockerfile.dockerignore", "", image, {"BASE": base})
    return image


def _key(parts: list[str], recipe: Recipe) -> str:
    content = hashlib.sha256("\n".join(parts).encode())
    single = [Path(recipe.dockerfile), Path("operator/pyproject.toml"), Path("worker/pyproject.toml")]
    trees = [path.relative_to(ROOT) for source in recipe.sources for path in (ROOT / source).rglob("*")]
    for path in [*single, *sorted(trees)]:
        if (ROOT / path).is_file() and "__pycache__" not in path.parts:
            content.update(f"{path}\0".encode() + (ROOT / path).read_bytes() + b"\0")
    return content.hexdigest()[:16]


def _docker(dockerfile: str, target: str, image: str, arguments: dict[str, str]) -> None:
    command = ["docker", "build", "--file", dockerfile, "--tag", image]
    command += ["--target", target] if target else []
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    with step(f"docker build {image}"):
        if subprocess.run([*command, "."], cwd=ROOT).returncode:
            raise ClusterError(f"docker build of {image} failed")
