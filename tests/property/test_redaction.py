"""Secrets are removed from text, and nothing else."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from shardwright_worker.reporting.redaction import HIDDEN, redact


@given(st.text(), st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=30), st.text())
def test_no_token_survives(before: str, letters: str, after: str) -> None:
    token = "hf_" + letters
    text = redact(f"{before} {token} {after}")
    assert token not in text
    assert HIDDEN in text


@given(st.text(), st.text(min_size=8).filter(str.strip), st.text())
def test_no_known_secret_survives(before: str, secret: str, after: str) -> None:
    if secret not in HIDDEN * 3:
        assert secret not in redact(before + secret + after, {secret}).replace(HIDDEN, "")


@given(st.text("abcdefghijklmnopqrstuvwxyz_ .,:/-0123456789"))
def test_ordinary_words_are_left_alone(text: str) -> None:
    ordinary = re.sub(r"(bearer|basic)\s", "", text)
    if not re.search(r"hf_[a-z0-9]{30}|://", ordinary):
        assert redact(ordinary) == ordinary
