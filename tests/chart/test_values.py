"""Wrong values are rejected with a message that names them."""

from __future__ import annotations

import pytest

from tools.chart.rendering import HelmError, render


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("replica=2", "replica"),
        ("replicas=3", "replicas"),
        ("metrics.serviceMonitor.enabld=true", "enabld"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("image.digest=latest", "digest"),
        ("worker.engineImage=", "engineImage"),
        ("watchNamespaces={Models}", "watchNamespaces"),
        ("log.level=loud", "level"),
        ("extraArgs={retry-base}", "extraArgs"),
    ],
)
def test_a_wrong_value_is_named(value: str, named: str) -> None:
    with pytest.raises(HelmError, match="specifications of the schema") as raised:
        render(value)
    assert named in str(raised.value)


def test_a_parent_chart_may_pass_its_globals() -> None:
    assert render("global.region=north")
