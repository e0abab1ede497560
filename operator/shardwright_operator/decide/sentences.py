"""Words for people: sentences that are joined without a doubled stop, and foreign words that hold nothing but text."""

import re

from shardwright_worker.contract.text import clean as cut

_ENDS = ("!", "?", "…")
_LIMIT = 1000
_CUT = "… "


def sentences(*parts: str) -> str:
    """One text of these parts, each of them ended by one stop; what has been said already is not said again."""
    told: list[str] = []
    said: set[str] = set()
    for part in parts:
        for sentence in re.split(r"(?<=[.!?…])\s+(?=[A-Z`])", part.strip()):
            ended = _ended(sentence)
            if ended and ended.casefold() not in said:
                said.add(ended.casefold())
                told.append(ended)
    return " ".join(told)


def clause(text: str) -> str:
    """The text without its last stop, so that it may stand inside of a sentence."""
    return text.strip().rstrip(" .;:,")


def clean(text: str, limit: int = _LIMIT) -> str:
    """Words of somebody else on one line: no colors, nothing invisible, no more than a person reads."""
    return cut(" ".join(cut(_without_colors(text[: 8 * limit]), 8 * limit).split()), limit)


def last_lines(text: str, count: int = 8, limit: int = _LIMIT) -> str:
    """The end of a log as one line: the last lines that say something, joined by slashes; the newest are kept."""
    lines = [line for line in (clean(one) for one in text.splitlines()) if line and not line.startswith('{"')]
    told = " / ".join(lines[-count:])
    return told if len(told) <= limit else _CUT + told[len(_CUT) - limit :]


def _ended(sentence: str) -> str:
    text = clause(sentence)
    return text if not text or text.endswith(_ENDS) else f"{text}."


def _without_colors(text: str) -> str:
    return re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?)", "", text)
