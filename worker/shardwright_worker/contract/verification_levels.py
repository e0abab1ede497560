"""The levels of verification: which proof holds more than which."""

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
    """Whether an artifact proven at one level needs no further proof for another. An unknown level proves nothing."""
    names = [level.lower() for level in LEVELS]
    if proven.lower() not in names:
        return False
    return names.index(proven.lower()) >= names.index(wanted.lower())
