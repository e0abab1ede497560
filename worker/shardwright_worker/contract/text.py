"""Makes untrusted text safe to show: no control characters, no overrides of its direction, and a limited length."""

from collections.abc import Sequence

LIMIT = 2048  # characters of a condition's message
CUT = " … (cut)"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# C0 and C1 controls, with ESC and DEL; marks that turn or hide text; lone surrogates, which no encoder takes.
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
_DIRECTIONS = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_HIDDEN = [0x00AD, 0x200B, 0x2060, 0xFEFF, *range(0xFFF9, 0xFFFC)]
_SURROGATES = range(0xD800, 0xE000)
_SPACES = [0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029]
_TABLE = {
    **dict.fromkeys([*_CONTROLS, *_DIRECTIONS, *_HIDDEN, *_SURROGATES], _REPLACEMENT),
    **dict.fromkeys(_SPACES, " "),
}


def one_line(text: str, limit: int = LIMIT) -> str:
    """Return one line of at most `limit` characters that is safe for terminals, logs and the API server."""
    if len(text) > limit:
        keep = max(0, limit - len(CUT))
        text = text[:keep] + CUT[:limit]
    if text.isascii() and text.isprintable():
        return text  # nearly all text is, and this test takes a tenth of the translation
    return text.translate(_TABLE)


def is_clean(text: str, limit: int = LIMIT) -> bool:
    """Return whether `one_line` would leave the text as it is."""
    return one_line(text, limit) == text


def clean_lines(text: str) -> str:
    """Return text of several lines, such as a table or a traceback, made safe: line ends stay, nothing is cut."""
    return "\n".join(one_line(line, len(line)) for line in text.split("\n"))


def abbreviate(items: Sequence[str], most: int, separator: str = ", ", total: int | None = None) -> str:
    """Return the first `most` items and how many follow them: `a, b and 3 more`.

    `total` is the number of all items where `items` holds only the first ones.
    """
    left = (len(items) if total is None else total) - most
    return separator.join(items[:most]) + (f" and {left} more" if left > 0 else "")
