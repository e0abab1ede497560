"""The levels of verification, the weakest first."""

from typing import Annotated

from pydantic import AfterValidator

LEVELS = ("Digests", "Load", "Generate")


def _level(text: str) -> str:
    for level in LEVELS:
        if level.lower() == text.lower():
            return level
    raise ValueError(f"must be one of {', '.join(LEVELS)}")


Level = Annotated[str, AfterValidator(_level)]


def satisfies(proven: str, wanted: str) -> bool:
    """Return whether a proof of one level is as strong as the wanted level. An unknown level proves nothing."""
    names = [level.lower() for level in LEVELS]
    if proven.lower() not in names:
        return False
    return names.index(proven.lower()) >= names.index(wanted.lower())
