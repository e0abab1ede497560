"""The levels of verification: which proof holds more than which."""

LEVELS = ("Digests", "Load", "Generate")


def satisfies(proven: str, wanted: str) -> bool:
    """Whether an artifact proven at one level needs no further proof for another. An unknown level proves nothing."""
    names = [level.lower() for level in LEVELS]
    if proven.lower() not in names:
        return False
    return names.index(proven.lower()) >= names.index(wanted.lower())
