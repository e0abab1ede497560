"""The rules for names of part files: one table that the resource's admission rules and the worker both read.

vLLM finds the files of a rank by the pattern with `*` for {part}. So a digit or another field beside a field would let
one rank load the files of another, and any character with a meaning for globs or formats does what nobody meant.
"""

import re
from typing import NamedTuple

LONGEST = 200  # characters; with its numbers a name stays below the 255 bytes of a file system

_FIELD = "[{](rank|tp_rank|pp_rank|part)[}]"
_OTHER = "[{](rank|tp_rank|pp_rank)[}]"
_LETTER = "[A-Za-z0-9._-]"
TENSOR_FIELDS = ("{tp_rank}", "{rank}")  # vLLM's {rank} is the tensor parallel rank
STAGE_FIELD = "{pp_rank}"


class Form(NamedTuple):
    """A regular expression that RE2 and Python read alike, whether it has to be found, and what is said if not so."""

    expression: str
    found: bool
    message: str


# The first one also keeps line ends out, before which Python's $ would match too.
FORMS = (
    Form(
        "[^A-Za-z0-9._{}-]|^[.-]",
        False,
        "must be a plain file name of letters, digits, dots, dashes, underscores and fields, no dot or dash first",
    ),
    Form(
        f"^({_LETTER}|{_FIELD})+$",
        True,
        "has unknown fields or cannot be read: there are {rank}, {tp_rank}, {pp_rank} and {part}, spelled just so",
    ),
    Form(f"^({_LETTER}|{_OTHER})*[{{]part[}}]({_LETTER}|{_OTHER})*$", True, "needs {part}, just once"),
    Form(
        "[0-9}][{]|[}][0-9]",
        False,
        "needs something else than a digit between two fields and beside each: {rank}{part} names one file for rank 1, "
        "part 11 and for rank 11, part 1",
    ),
    Form("[.]safetensors$", True, "must end with .safetensors"),
)


class Need(NamedTuple):
    """Fields that a pattern must hold one of, or must not hold (`wanted` False), where a parallel size is (or is not)
    larger than 1. `size` is a field of the engine's settings."""

    size: str
    larger: bool
    wanted: bool
    fields: tuple[str, ...]
    message: str


NEEDS = (
    Need(
        "tensor_parallel_size",
        True,
        True,
        TENSOR_FIELDS,
        "needs {tp_rank} or {rank}, since the tensor parallel size is larger than 1: ranks would share one file",
    ),
    Need(
        "pipeline_parallel_size",
        True,
        True,
        (STAGE_FIELD,),
        "needs {pp_rank}, since the pipeline parallel size is larger than 1: stages would share one file",
    ),
    Need(
        "pipeline_parallel_size",
        False,
        False,
        (STAGE_FIELD,),
        "must not use {pp_rank} without pipeline parallelism: vLLM refuses it",
    ),
)


def problems(pattern: str, tensor_parallel_size: int, pipeline_parallel_size: int) -> list[str]:
    """What is wrong with the pattern, nothing if it is good."""
    if len(pattern) > LONGEST:
        return [f"has {len(pattern)} characters: at most {LONGEST} are taken"]
    sizes = {"tensor_parallel_size": tensor_parallel_size, "pipeline_parallel_size": pipeline_parallel_size}
    wrong = [form.message for form in FORMS if bool(re.search(form.expression, pattern)) != form.found]
    for need in NEEDS:
        holds = any(field in pattern for field in need.fields)
        if (sizes[need.size] > 1) == need.larger and holds != need.wanted:
            wrong.append(need.message)
    return wrong
