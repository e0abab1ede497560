"""File patterns, valid and invalid: typical ones, and random mixtures of fields, separators and suffixes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice

_TYPICAL = [
    "model-rank-{rank}-part-{part}.safetensors",
    "model-pp-{pp_rank}-tp-{tp_rank}-part-{part}.safetensors",
    "m-{part}.safetensors",
    "m-{rank}{part}.safetensors",
    "{part}{rank}.safetensors",
    "m{tp_rank}1{part}.safetensors",
    "1-{rank}-{part}.safetensors",
    "m-{rank}-{part}.1.safetensors",
    "m-{rank}-{part}1.safetensors",
    "{pp_rank}.{rank}.{part}.safetensors",
    "m-{part!r}-{rank}.safetensors",
    "m-{part:>9}-{rank}.safetensors",
    "m-{part.real}-{rank}.safetensors",
    "m-{part[0]}-{rank}.safetensors",
    "m-{}-{rank}-{part}.safetensors",
    "m-{{rank}}-{part}.safetensors",
    "m-{rank}-{part}.safetensors\n",
    "m\n-{rank}-{part}.safetensors",
    "../{rank}-{part}.safetensors",
    "a/{rank}-{part}.safetensors",
    "[m]-{rank}-{part}.safetensors",
    "m*-{rank}-{part}.safetensors",
    "m?-{rank}-{part}.safetensors",
    "m-{rank}-{part}.safetensors.bin",
    "{part}-{rank}-{part}.safetensors",
    "mü-{rank}-{part}.safetensors",
    " m-{rank}-{part}.safetensors",
    "-{rank}-{part}.safetensors",
    ".{rank}-{part}.safetensors",
    "m-{rank}-{part}-" + "x" * 160 + ".safetensors",
    "m-{rank}-{part}-" + "x" * 180 + ".safetensors",
    ".safetensors",
    "{part}.safetensors",
    "safetensors",
]
_FIELDS = ["{rank}", "{tp_rank}", "{pp_rank}", "{part}"]
_SEPARATORS = ["-", ".", "_", "a", "x1y", "-part-", "", "1", "-1", "1-", "{", "}", "\n", "*", "/"]
_WEIGHTS = [30, 8, 8, 4, 4, 8, 2, 1, 1, 1, 0.2, 0.2, 0.2, 0.2, 0.2]


def patterns(count: int) -> Iterator[str]:
    """Return this number of patterns, the same at each call."""
    return islice(_all(), count)


def _all() -> Iterator[str]:
    yield from _TYPICAL
    chance = random.Random(7)
    while True:
        fields = chance.sample(_FIELDS, chance.randint(1, 4)) + chance.choices(_FIELDS, k=chance.randint(0, 1))
        between = chance.choices(_SEPARATORS, _WEIGHTS, k=len(fields))
        name = "".join(f"{first}{field}" for first, field in zip(between, fields, strict=True))
        end = chance.choices(["", "-", "x", "1"], [5, 2, 1, 1])[0]
        yield name.lstrip("-.") + end + chance.choices([".safetensors", "", ".safetensors\n"], [20, 1, 1])[0]
