"""The documentation is consistent: links resolve, generated pages are current, field names are those of the CRD."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from shardwright_worker.contract.reasons import Reason
from tools.cluster.paths import ROOT
from tools.docs.__main__ import PAGES

PAGES_READ = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / ".github").rglob("*.md")]
# The changelog names fields that were renamed; the reference is generated from the CRD and names fields of a pod.
CURRENT = [page for page in PAGES_READ if page.name not in ("CHANGELOG.md", "reference.md")]
_LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)")


_FIELD = re.compile(r"(?<![\w.$/])(?:spec|status)(?:\.[a-z][A-Za-z]*)+")
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CRD = yaml.safe_load((ROOT / "crds" / "shardwright.io_shardedcheckpoints.yaml").read_text())
_SCHEMA = _CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _anchors(page: Path) -> set[str]:
    """Return the anchors of the page's headings, by GitHub's rule."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _unknown(value: Any, schema: dict[str, Any], path: str) -> list[str]:
    """Return the fields of a YAML example that the CRD does not have."""
    if isinstance(value, list):
        return [one for item in value for one in _unknown(item, schema.get("items", {}), f"{path}[]")]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    missing = [f"{path}.{name}" for name in value if name not in known]
    return missing + [
        one for name in value if name in known for one in _unknown(value[name], known[name], f"{path}.{name}")
    ]


def _exists(field: str) -> bool:
    schema = _SCHEMA
    for name in field.split("."):
        schema = schema.get("items", schema)
        if "properties" not in schema:
            return True  # a map, such as resources.limits
        if name not in schema["properties"]:
            return False
        schema = schema["properties"][name]
    return True


@pytest.mark.parametrize("page", PAGES_READ, ids=_name)
def test_links_resolve(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text()):
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), f"{target} does not exist"
        assert not anchor or anchor in _anchors(linked), f"{target}#{anchor} does not exist"


def test_every_page_is_in_the_index() -> None:
    linked = {target for target, _ in _LINK.findall((ROOT / "docs" / "index.md").read_text())}
    assert linked == {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}


def test_files_named_for_contributors_exist() -> None:
    tops = (ROOT, ROOT / "operator" / "shardwright_operator", ROOT / "worker" / "shardwright_worker")
    named = re.findall(r"`([\w./]+/[\w./]*)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert [path for path in named if not any((top / path).exists() for top in tops)] == []


def test_every_package_and_the_order_of_imports_are_described() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for program in ("operator", "worker"):
        (layers,) = [one["layers"] for one in contracts if one["name"] == f"The {program}'s imports point one way"]
        packages = [sorted(re.findall(r"\w+$", part)[0] for part in layer.split(" | ")) for layer in layers]
        (arrows,) = re.findall(rf"^{program}: +((?:.|\n +)*)", text, re.MULTILINE)
        described = arrows.replace("(worker) ", "").split("->")
        assert [sorted(part.strip() for part in layer.split(" | ")) for layer in described] == packages
        folder = ROOT / program / f"shardwright_{program}"
        assert [init.parent.name for init in folder.glob("*/__init__.py") if f"{init.parent.name}/" not in text] == []


@pytest.mark.parametrize("page", CURRENT, ids=_name)
def test_fields_named_in_the_text_exist(page: Path) -> None:
    assert [field for field in _FIELD.findall(page.read_text()) if not _exists(field)] == []


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yaml")), ids=_name)
def test_examples_have_fields_of_the_resource(example: Path) -> None:
    resources = [one for one in yaml.safe_load_all(example.read_text()) if one["kind"] == "ShardedCheckpoint"]
    assert [field for one in resources for field in _unknown(one, _SCHEMA, "")] == []


@pytest.mark.parametrize("page", CURRENT, ids=_name)
def test_yaml_in_the_text_has_fields_of_the_resource(page: Path) -> None:
    for block in _YAML.findall(page.read_text()):
        assert _unknown(yaml.safe_load(block), _SCHEMA, "") == []


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_current(name: str) -> None:
    assert (ROOT / name).read_text() == PAGES[name](), "run `make generate`"


def test_every_reason_is_on_the_page() -> None:
    page = (ROOT / "docs" / "failure-modes.md").read_text()
    assert [reason for reason in Reason if f"| `{reason}` |" not in page] == []


def test_the_health_script_in_the_config_map_is_the_one_beside_it() -> None:
    folder = ROOT / "examples" / "argocd"
    (script,) = yaml.safe_load((folder / "argocd-cm.yaml").read_text())["data"].values()
    assert script == (folder / "health.lua").read_text()
