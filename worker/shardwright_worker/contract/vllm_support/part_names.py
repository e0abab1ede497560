"""The rules for the names of part files.

vLLM finds the files of a rank by the pattern with `*` for {part}, so a digit or another field beside a field would let
one rank load the files of another, and a character that globs or format strings interpret would change the name:
https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/model_executor/model_loader/sharded_state_loader.py#L118
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/sharded_state_loader.py#L70
"""

import re
from typing import NamedTuple

LONGEST = 200  # characters; with its numbers a name stays below the 255 bytes of a file system

TENSOR_FIELDS = ("{tp_rank}", "{rank}")  # vLLM's {rank} is the tensor parallel rank
STAGE_FIELD = "{pp_rank}"
# Older releases know {rank} and {part} only, so that the files of all pipeline stages would have one name.
STAGES_SINCE = "0.32"

_FIELD = "[{](rank|tp_rank|pp_rank|part)[}]"
_NOT_PART = "[{](rank|tp_rank|pp_rank)[}]"
_LETTER = "[A-Za-z0-9._-]"


class Form(NamedTuple):
    """A regular expression that RE2 and Python read alike, whether it has to match, and the message if it does not."""

    expression: str
    matches: bool
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
        "has an unknown field or a single brace: the fields are {rank}, {tp_rank}, {pp_rank} and {part}",
    ),
    Form(f"^({_LETTER}|{_NOT_PART})*[{{]part[}}]({_LETTER}|{_NOT_PART})*$", True, "must have {part} exactly once"),
    Form(
        "[0-9}][{]|[}][0-9]",
        False,
        "must have a character other than a digit between two fields and beside each: {rank}{part} names one file for "
        "rank 1, part 11 and for rank 11, part 1",
    ),
    Form("[.]safetensors$", True, "must end with .safetensors"),
)


class Need(NamedTuple):
    """Fields of which a pattern must (`required`) or must not have one, where a parallel size is larger than 1 or not.

    `size` is a field of EngineSettings.
    """

    size: str
    larger: bool
    required: bool
    fields: tuple[str, ...]
    message: str


NEEDS = (
    Need(
        "tensor_parallel_size",
        True,
        True,
        TENSOR_FIELDS,
        "must have {tp_rank} or {rank}, since the tensor parallel size is larger than 1: ranks would share one file",
    ),
    Need(
        "pipeline_parallel_size",
        True,
        True,
        (STAGE_FIELD,),
        "must have {pp_rank}, since the pipeline parallel size is larger than 1: stages would share one file",
    ),
    Need(
        "pipeline_parallel_size",
        False,
        False,
        (STAGE_FIELD,),
        "must not have {pp_rank} without pipeline parallelism: vLLM rejects it",
    ),
)


def problems(pattern: str, tensor_parallel_size: int, pipeline_parallel_size: int) -> list[str]:
    """Return what is wrong with the pattern; nothing if it is good."""
    if len(pattern) > LONGEST:
        return [f"has {len(pattern)} characters: the limit is {LONGEST}"]
    sizes = {"tensor_parallel_size": tensor_parallel_size, "pipeline_parallel_size": pipeline_parallel_size}
    wrong = [form.message for form in FORMS if bool(re.search(form.expression, pattern)) != form.matches]
    for need in NEEDS:
        has = any(field in pattern for field in need.fields)
        if (sizes[need.size] > 1) == need.larger and has != need.required:
            wrong.append(need.message)
    return wrong


def default_file_pattern(pipeline_parallel_size: int) -> str:
    """Return vLLM's own pattern: by stage and rank if there are pipeline stages, else by rank.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/sharded_state_loader.py#L38
    """
    if pipeline_parallel_size > 1:
        return "model-pp-{pp_rank}-tp-{tp_rank}-part-{part}.safetensors"
    return "model-rank-{rank}-part-{part}.safetensors"
