"""Settings: flags win over the environment, and a wrong one is named."""

from __future__ import annotations

import pytest

from shardwright_operator.runtime import settings
from shardwright_operator.runtime.settings import read_settings

IMAGES = ["--engine-image=e", "--prepare-image=p"]


def test_a_flag_wins_over_the_environment_and_the_environment_over_the_default() -> None:
    environment = {"SHARDWRIGHT_WORKERS": "3", "SHARDWRIGHT_NAMESPACES": "a, b,a", "SHARDWRIGHT_LEADER_ELECT": "false"}
    found = read_settings([*IMAGES, "--workers=5"], environment)
    assert (found.workers, found.namespaces, found.leader_elect) == (5, ("a", "b"), False)
    assert found.lease_duration == 15.0
    assert read_settings([*IMAGES, "--leader-elect"], environment).leader_elect


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (IMAGES[:1], "--prepare-image"),
        ([*IMAGES, "--workers=0"], "--workers must be at least 1"),
        ([*IMAGES, "--retry-base=-1"], "--retry-base and --retry-cap must be above 0"),
        ([*IMAGES, "--lease-duration=5"], "--lease-duration must be longer than --renew-deadline"),
        ([*IMAGES, "--leader-elect=maybe"], "'maybe' is not a boolean"),
        ([*IMAGES, "--log-format=xml"], "xml"),
    ],
)
def test_a_wrong_setting_is_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_settings(arguments, {})
    assert message in capsys.readouterr().err


def test_every_setting_has_a_row_with_help() -> None:
    assert [row.name for row in settings.TABLE] == list(settings.Settings.__dataclass_fields__)
    assert all(row.help for row in settings.TABLE)
