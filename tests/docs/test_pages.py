"""The documentation holds together: links lead somewhere, generated pages are current, copies are equal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from shardwright_worker.contract.reasons import Reason
from tools.cluster.places import ROOT
from tools.docs.__main__ import PAGES

PAPERS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
_LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)")


@pytest.mark.parametrize("page", PAPERS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text()):
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), f"{target} does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", place.read_text(), re.M)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


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
