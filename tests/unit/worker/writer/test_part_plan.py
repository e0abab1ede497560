"""Parts follow from tensors and the maximum file size alone; their headers are those that safetensors describes."""

from __future__ import annotations

import json

from shardwright_worker.writer.part_plan import PAGE, SMALLEST, STREAMS, TensorPlan, plan_parts


def _plan(*sizes: int) -> list[TensorPlan]:
    return [TensorPlan(str(number), "U8", (size,), size) for number, size in enumerate(sizes)]


def test_parts_keep_the_order_and_the_maximum_size() -> None:
    parts = plan_parts(_plan(*[30] * 10), 100)
    assert max(len(part.tensors) for part in parts) <= 3
    assert [tensor.name for part in parts for tensor in part.tensors] == [str(number) for number in range(10)]
    assert all(part.tensors for part in parts)


def test_a_tensor_above_the_maximum_size_has_a_part_of_its_own() -> None:
    parts = plan_parts(_plan(500, 10, 10, 500), 100)
    assert [[tensor.size for tensor in part.tensors] for part in parts] == [[500], [10, 10], [500]]


def test_a_large_rank_has_a_part_for_each_stream() -> None:
    parts = plan_parts(_plan(*[SMALLEST // 4] * 4 * 20), 100 * SMALLEST)
    assert len(parts) == STREAMS
    sizes = [part.size for part in parts]
    assert max(sizes) < 1.2 * min(sizes)


def test_a_small_rank_is_split_for_few_streams_or_not_at_all() -> None:
    assert [len(plan_parts(_plan(*[SMALLEST // 4] * count), 100 * SMALLEST)) for count in (4, 7, 8, 12)] == [1, 1, 2, 3]


def test_the_header_is_padded_to_a_page_and_lists_offsets_in_order() -> None:
    tensors = [
        TensorPlan("odd", "F32", (3,), 12),
        TensorPlan("whole", "U8", (PAGE,), PAGE),
        TensorPlan("é", "U8", (1,), 1),
    ]
    [part] = plan_parts(tensors, 10**6)
    length = int.from_bytes(part.header[:8], "little")
    assert len(part.header) == 8 + length == PAGE
    header = json.loads(part.header[8:])
    assert header.pop("__metadata__") == {"format": "pt"}
    assert {name: entry["data_offsets"] for name, entry in header.items()} == {
        "whole": [0, PAGE],
        "odd": [PAGE, PAGE + 12],
        "é": [PAGE + 12, PAGE + 13],
    }
    assert part.size == PAGE + PAGE + 13


def test_a_rank_without_tensors_has_no_parts() -> None:
    assert plan_parts([], 100) == []
