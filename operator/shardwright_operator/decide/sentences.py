"""Text of messages: sentences joined without a doubled full stop, and texts of other programs made safe to show."""

import re

from shardwright_worker.contract.text import one_line

_ENDS = ("!", "?", "…")
_LIMIT = 1000
_CUT = "… "


def sentences(*parts: str) -> str:
    """Return one text of these parts, each ended by one full stop; a repeated sentence is left out."""
    joined: list[str] = []
    known: set[str] = set()
    for part in parts:
        for sentence in re.split(r"(?<=[.!?…])\s+(?=[A-Z`])", part.strip()):
            ended = _ended(sentence)
            if ended and ended.casefold() not in known:
                known.add(ended.casefold())
                joined.append(ended)
    return " ".join(joined)


def clause(text: str) -> str:
    """Return the text without its last full stop, for use inside a sentence."""
    return text.strip().rstrip(" .;:,")


def clean(text: str, limit: int = _LIMIT) -> str:
    """Return a text of another program as one line of at most `limit` characters, without colors or control codes."""
    return one_line(" ".join(one_line(_without_colors(text[: 8 * limit]), 8 * limit).split()), limit)


def last_lines(text: str, count: int = 8, limit: int = _LIMIT) -> str:
    """Return the end of a log as one line: its last lines that are not empty or JSON, joined by slashes.

    Of more than `limit` characters the last ones are kept.
    """
    lines = [line for line in (clean(one) for one in text.splitlines()) if line and not line.startswith('{"')]
    text = " / ".join(lines[-count:])
    return text if len(text) <= limit else _CUT + text[len(_CUT) - limit :]


def _ended(sentence: str) -> str:
    text = clause(sentence)
    return text if not text or text.endswith(_ENDS) else f"{text}."


def _without_colors(text: str) -> str:
    return re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?)", "", text)
