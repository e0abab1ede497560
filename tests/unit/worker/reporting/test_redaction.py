"""Secrets are removed from text; similar words stay."""

from __future__ import annotations

import logging
import time

import pytest

from shardwright_worker.reporting.redaction import RedactingFormatter, redact
from tools.testing.hub_handler import SIGNATURE, TOKEN

SECONDS = 3.0  # a quadratic reading of these texts takes minutes


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (f"token {TOKEN} refused", "token *** refused"),
        ("https://user:pass@host/path", "https://***@host/path"),
        ("http://name@proxy:3128", "http://***@proxy:3128"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer ***"),
        (
            f"GET https://store/x?{SIGNATURE}&x-id=1",
            "GET https://store/x?X-Amz-Credential=***&X-Amz-Signature=***&x-id=1",
        ),
        (
            "https://cdn/x?Policy=abc&Signature=def&Key-Pair-Id=ghi",
            "https://cdn/x?Policy=***&Signature=***&Key-Pair-Id=***",
        ),
        ("https://store/x?sv=1&sig=abc%3D", "https://store/x?sv=1&sig=***"),
    ],
)
def test_removes_secrets(text: str, safe: str) -> None:
    assert redact(text) == safe


@pytest.mark.parametrize(
    "text",
    [
        "--hf-overrides must be a JSON object",
        "hf_overrides and hf_text_config and hf_quant_config_of_the_model_with_a_long_name",
        "https://host/org/model?recursive=True&limit=5",
        "the tokenizer.json of org/model",
        "a basic model",
        "user@host wrote to https://host: no answer",
    ],
)
def test_keeps_ordinary_text(text: str) -> None:
    assert redact(text) == text


def test_removes_a_known_secret_from_logs_and_tracebacks() -> None:
    secrets = {"swordfish-42"}
    formatter = RedactingFormatter(secrets)
    try:
        raise ValueError("bad: swordfish-42")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "", 0, "with %s", ("swordfish-42",), info)
    line = formatter.format(record)
    assert "swordfish" not in line
    assert "ValueError" in line


@pytest.mark.parametrize(
    "text",
    [
        "a." * 200_000,
        "a." * 200_000 + "://",
        "https://" + "a" * 400_000,
        "https://" + "a:" * 200_000,
        "://a:b" * 60_000,
        "?" + "accesskey" * 40_000,
        "?signature" * 40_000,
        "?" + "-" * 400_000,
        "bearer" + " " * 400_000,
        "basic " * 60_000,
        "hf_" * 130_000,
    ],
    ids=lambda text: f"{text[:8]}-{len(text)}",
)
def test_takes_linear_time(text: str) -> None:
    started = time.process_time()
    redact(text, {"swordfish-42"})
    assert time.process_time() - started < SECONDS
