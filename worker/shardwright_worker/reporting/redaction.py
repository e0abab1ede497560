"""Removes tokens, passwords and the signatures of URLs from text before it is logged or reported."""

import logging
import re
from collections.abc import Iterable

from shardwright_worker.contract.text import clean_lines

HIDDEN = "***"
SHORTEST_SECRET = 8  # characters; a shorter one would hide ordinary words

# The first group of each is kept. A token of the Hub has 30 or more letters and digits: hf_overrides is not one.
# Every repetition is bounded or possessive, so that the time grows with the text's length alone.
_KEPT_AND_HIDDEN = [
    re.compile(r"(?<![A-Za-z0-9_])()hf_[A-Za-z0-9]{30,}"),
    re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}+://)[^\s/@:'\"]++(?::[^\s/@'\"]*+)?@", re.IGNORECASE),
    re.compile(r"(\b(?:bearer|basic)\s++)[A-Za-z0-9+/=_.~-]{8,}", re.IGNORECASE),
    re.compile(
        r"([?&;](?:[\w-]{0,40}(?:signature|credential|security-token|access-?key[\w-]{0,20}|password|secret)|sig|token|access_token"
        r"|api_key|key-pair-id|policy)=)[^\s&'\"<>]+",
        re.IGNORECASE,
    ),
]


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text with *** in place of these secrets and of everything that looks like one."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    for pattern in _KEPT_AND_HIDDEN:
        text = pattern.sub(lambda match: match.group(1) + HIDDEN + ("@" if match.group().endswith("@") else ""), text)
    return text


class RedactingFormatter(logging.Formatter):
    """Formats log records, tracebacks included, without secrets. `secrets` may grow while the worker runs."""

    def __init__(self, secrets: set[str]) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        return clean_lines(redact(super().format(record), self._secrets))
