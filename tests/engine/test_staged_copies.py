"""Copies through a buffer of limited size: every byte arrives, whatever the tensor's shape, type and strides.

The device is the CPU here: blocks, rows and buffers are the same, and what a GPU adds is in docs/benchmarks.md.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from shardwright_worker.engine import staged_copies
from shardwright_worker.engine.staged_copies import StagedCopies

KIB = 1024


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staged_copies, "BUFFER", 64 * KIB)
    monkeypatch.setattr(staged_copies, "_SMALLEST", 8 * KIB)


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Each filling of a buffer: which one, and the bytes."""
    found: list[tuple[int, int]] = []
    copy = staged_copies._Buffer.copy

    def count(self: staged_copies._Buffer, target: torch.Tensor, source: torch.Tensor) -> None:
        found.append((id(self), source.nbytes))
        copy(self, target, source)

    monkeypatch.setattr(staged_copies._Buffer, "copy", count)
    return found


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape)


SOURCES: dict[str, Callable[[], torch.Tensor]] = {
    "one dimension": lambda: random(100_002),
    "rows that do not divide a buffer": lambda: random(301, 776),
    "half of each row": lambda: random(301, 1552).narrow(1, 776, 776),
    "some of the rows": lambda: random(900, 302).narrow(0, 300, 300),
    "rows that are larger than a buffer": lambda: random(3, 40_000),
    "experts that are larger than a buffer": lambda: random(2, 3, 20_000).transpose(0, 1),
    "bfloat16": lambda: random(301, 776).bfloat16(),
    "FP8": lambda: random(301, 776).to(torch.float8_e4m3fn),
    "packed": lambda: torch.randint(-(2**31), 2**31 - 1, (301, 776), dtype=torch.int32),
    "booleans": lambda: random(301, 776) > 0,
    "experts of a pickle": lambda: torch.nn.Parameter(random(3, 100, 200)),
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_every_byte_arrives_in_blocks(make: Callable[[], torch.Tensor], filled: list[tuple[int, int]]) -> None:
    torch.manual_seed(0)
    source = make()
    parameter = torch.nn.Parameter(torch.zeros(source.shape, dtype=source.dtype), requires_grad=False)
    target = parameter.data
    with StagedCopies("cpu"):
        assert target.copy_(source) is target
    assert torch.equal(parameter.data.view(torch.uint8), source.detach().contiguous().view(torch.uint8))
    sizes = [size for _, size in filled]
    assert sum(sizes) == source.nbytes
    assert max(sizes) <= 64 * KIB


def test_copies_into_a_part_of_a_parameter() -> None:
    parameter, source = torch.nn.Parameter(torch.zeros(4, 100, 300)), random(100, 300)
    with StagedCopies("cpu"):
        parameter.data[2].copy_(source)
    assert torch.equal(parameter.data[2], source)
    assert not parameter.data[[0, 1, 3]].any()


def test_one_buffer_is_filled_while_the_other_one_is_sent(filled: list[tuple[int, int]]) -> None:
    count = 5 * 64 * KIB // 4
    with StagedCopies("cpu"):
        torch.zeros(count).copy_(random(count))
    first, second, *_ = buffers = [buffer for buffer, _ in filled]
    assert first != second
    assert buffers == [first, second, first, second, first]


@pytest.mark.parametrize(
    ("target", "source"),
    [
        (torch.zeros(100, 300, dtype=torch.bfloat16), random(100, 300)),
        (torch.zeros(100, 300), random(300)),
        (torch.zeros(300, 100).t(), random(100, 300)),
        (torch.zeros(10), random(10)),
        (torch.zeros(()), random(1)[0]),
        (torch.zeros(301, 776), random(776, 301).t()),
        (torch.zeros(301, 777), random(301, 777)),
        (torch.zeros(100, 300, requires_grad=False), random(100, 300).to_sparse().to_dense().to_sparse()),
        (torch.zeros(100, 300), 5.0),
        (torch.zeros(30_001)[1:], random(30_000)),
    ],
    ids=[
        *(
            "another type",
            "broadcast",
            "a target with gaps",
            "small",
            "a scalar",
            "transposed",
            "rows of half an integer",
        ),
        *("sparse", "a number", "a target that begins within an integer"),
    ],
)
def test_other_copies_are_torchs_own(target: torch.Tensor, source: Any, filled: list[tuple[int, int]]) -> None:
    expected = _copied(target.clone(), source)
    with StagedCopies("cpu"):
        copied = _copied(target, source)
    assert copied == expected
    assert not filled


def _copied(target: torch.Tensor, source: Any) -> object:
    """The values after the copy, or the error of one that torch refuses."""
    try:
        return target.copy_(source).tolist()
    except RuntimeError as error:
        return str(error)


def test_quantized_tensors_of_torch_are_copied_by_it(filled: list[tuple[int, int]]) -> None:
    source = torch.quantize_per_tensor(random(100, 304), 0.1, 0, torch.qint8)
    target = torch.quantize_per_tensor(torch.zeros(100, 304), 0.1, 0, torch.qint8)
    with StagedCopies("cpu"):
        target.copy_(source)
    assert torch.equal(target.int_repr(), source.int_repr())
    assert not filled


def test_a_subclass_copies_by_itself(filled: list[tuple[int, int]]) -> None:
    class Own(torch.Tensor):  # type: ignore[misc]
        pass

    target, source = torch.zeros(100, 300), random(100, 300)
    with StagedCopies("cpu"):
        target.copy_(source.as_subclass(Own))
    assert torch.equal(target, source)
    assert not filled


@pytest.mark.parametrize("shape", [(100, 300), (30_000,)])
def test_bytes_that_arrive_wrong_are_noticed(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    send = staged_copies._Buffer.copy

    def lose_the_last(self: staged_copies._Buffer, target: torch.Tensor, source: torch.Tensor) -> None:
        send(self, target[:-1], source[:-1])

    monkeypatch.setattr(staged_copies._Buffer, "copy", lose_the_last)
    with pytest.raises(RuntimeError, match="other bytes than the files"), StagedCopies("cpu"):
        torch.zeros(shape).copy_(random(*shape))


def test_an_error_of_the_load_is_the_one_that_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staged_copies._Buffer, "copy", lambda *_: None)

    def load() -> None:
        torch.zeros(100, 300).copy_(random(100, 300))
        raise KeyError

    with pytest.raises(KeyError), StagedCopies("cpu"):
        load()


def test_a_buffer_is_filled_when_its_bytes_were_sent() -> None:
    done: list[str] = []

    class Event:
        def synchronize(self) -> None:
            done.append(f"waited for {target[0]:.0f}")

        def record(self) -> None:
            done.append(f"sent {target[0]:.0f}")

    target = torch.zeros(10)
    buffer = staged_copies._Buffer(None)
    buffer._sent = Event()
    buffer.copy(target, torch.full((10,), 1.0))
    buffer.copy(target, torch.full((10,), 2.0))
    assert done == ["waited for 0", "sent 1", "waited for 1", "sent 2"]


def test_copies_on_a_cpu_are_torchs_own(filled: list[tuple[int, int]]) -> None:
    target = torch.zeros(100, 300)
    with StagedCopies():
        target.copy_(torch.ones(100, 300))
    assert target.all()
    assert not filled


def test_other_arguments_reach_torch(filled: list[tuple[int, int]]) -> None:
    target, source = torch.zeros(100, 300), random(100, 300)
    with StagedCopies("cpu"):
        target.copy_(source, non_blocking=True)
    assert torch.equal(target, source)
    assert not filled
