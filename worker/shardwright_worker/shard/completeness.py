"""Notices what the source did not write: vLLM itself does not miss a linear weight, it serves what memory held.

Before loading, every weight is filled with one unlikely value; afterwards no row and no column may still hold it.
"""

import random
from collections.abc import Iterator
from itertools import groupby

import torch

# Parameters of these names may keep their first value: scales that a checkpoint need not have, index helpers.
_NOT_WEIGHTS = ("scale", "zero", "shape", "g_idx", "sinks", "correction_bias")


def mark(model: torch.nn.Module) -> dict[str, float | int]:
    """Fill every weight with a value that no checkpoint holds; returns parameter name -> that value."""
    marks: dict[str, float | int] = {}
    for name, parameter in _weights(model):
        if parameter.dtype.is_floating_point and parameter.element_size() > 1:
            value: float | int = torch.tensor(random.uniform(150.0, 250.0) * 128, dtype=parameter.dtype).item()
        elif parameter.dtype in (torch.int32, torch.int64):
            value = random.randrange(0x5A000000, 0x5AFFFFFF)
        else:
            continue  # a byte has no unlikely value
        parameter.data.fill_(value)
        marks[name] = value
    return marks


def find_missing(model: torch.nn.Module, marks: dict[str, float | int]) -> list[str]:
    """What the source left unwritten: parameter names, with the rows or columns where it is a part."""
    missing = []
    for name, parameter in _weights(model):
        if name in marks and parameter.numel():
            missing += [f"{name}{where}" for where in _untouched(parameter.data, marks[name])]
    return missing


def _weights(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    for name, parameter in model.named_parameters():
        leaf = name.rsplit(".", 1)[-1]
        plain = leaf.startswith(("weight", "qweight", "bias", "w13", "w2", "w1", "w3")) or parameter.dim() >= 2
        if plain and not any(word in leaf for word in _NOT_WEIGHTS):
            yield name, parameter


def _untouched(data: torch.Tensor, value: float | int) -> Iterator[str]:
    if data.dim() < 2:
        if bool((data == value).all()):
            yield ""
        return
    flat = data.reshape(-1, data.shape[-1])
    rows, columns = _lines(flat, value)
    if bool(rows.all()):
        yield ""
    elif bool(rows.any()):
        yield f" rows {_spans(rows)}"
    elif bool(columns.any()):
        yield f" columns {_spans(columns)}"


def _lines(flat: torch.Tensor, value: float | int) -> tuple[torch.Tensor, torch.Tensor]:
    """Which rows and which columns hold nothing but the mark; looks at 4096 rows at a time."""
    rows, columns = [], torch.ones(flat.shape[1], dtype=torch.bool)
    for start in range(0, flat.shape[0], 4096):
        same = flat[start : start + 4096] == value
        rows.append(same.all(dim=1).cpu())
        columns &= same.all(dim=0).cpu()
    return torch.cat(rows), columns


def _spans(lines: torch.Tensor) -> str:
    numbers = [int(one) for one in lines.nonzero().flatten()]
    spans = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        spans.append(f"{run[0]}-{run[-1]}")
    return ", ".join(spans[:4]) + (", ..." if len(spans) > 4 else "")
