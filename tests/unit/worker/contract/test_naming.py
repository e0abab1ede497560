"""Names on the volume."""

from __future__ import annotations

from shardwright_worker.contract.naming import is_key, stays_inside


def test_keys_and_file_names() -> None:
    assert is_key("0123456789abcdef")
    assert not is_key("0123456789ABCDEF")
    assert not is_key("0123456789abcdef\n")
    assert stays_inside("1_Pooling/config.json")
    for name in ("../x", "/etc/passwd", "a/../../b", "a//b", "", ".", "a\\..\\b", "a\0b"):
        assert not stays_inside(name)
