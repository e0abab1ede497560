"""Values that are wrong are refused with a message that names them."""

from __future__ import annotations

import pytest

from tools.chart.rendering import HelmError, render


@pytest.mark.parametrize(
    ("value", "says"),
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
def test_a_wrong_value_is_named(value: str, says: str) -> None:
    with pytest.raises(HelmError, match="specifications of the schema") as refused:
        render(value)
    assert says in str(refused.value)


def test_a_parent_chart_may_pass_its_globals() -> None:
    assert render("global.region=north")
