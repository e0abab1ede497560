"""Accelerators of a machine, and families of accelerators."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.serving.accelerator import same_family, visible_accelerators


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("NVIDIA H100 80GB HBM3", "NVIDIA H200", True),
        ("NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB", False),
        ("NVIDIA L40S", "NVIDIA GeForce RTX 4090", True),
        ("AMD Instinct MI300X", "AMD gfx942", True),
        ("AMD Instinct MI300X", "AMD Instinct MI355X", False),
        ("AMD Instinct MI300X", "NVIDIA H100", False),
        ("xpu", "Intel", None),
        ("xpu", "cpu", False),
        ("cpu", "CPU", True),
        ("", "NVIDIA H100", None),
        ("NVIDIA Future 1", "NVIDIA H100", None),
        ("NVIDIA Future 1", "nvidia future 1", True),
    ],
)
def test_families_of_accelerators(one: str, other: str, same: bool | None) -> None:
    assert same_family(one, other) is same_family(other, one) is same


def device(root: Path, name: str, vendor: str, kind: str) -> None:
    folder = root / "sys/bus/pci/devices" / name
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(vendor + "\n")
    (folder / "class").write_text(kind + "\n")


def test_accelerators_are_found_through_the_kernel(tmp_path: Path) -> None:
    assert visible_accelerators(tmp_path) == []
    device(tmp_path, "0000:00:00.0", "0x8086", "0x060000")
    device(tmp_path, "0000:00:02.0", "0x8086", "0x030000")
    assert visible_accelerators(tmp_path) == ["cpu"]
    device(tmp_path, "0000:3a:00.0", "0x8086", "0x038000")
    assert visible_accelerators(tmp_path) == ["Intel"]


def test_accelerators_of_each_maker(tmp_path: Path) -> None:
    device(tmp_path, "0000:01:00.0", "0x10de", "0x030200")
    assert visible_accelerators(tmp_path) == ["NVIDIA"]
    driver = tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0"
    driver.mkdir(parents=True)
    (driver / "information").write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ: 1\n")
    assert visible_accelerators(tmp_path) == ["NVIDIA H100 80GB HBM3"]
    for number, version in enumerate((0, 90402, 90010)):
        node = tmp_path / f"sys/class/kfd/kfd/topology/nodes/{number}"
        node.mkdir(parents=True)
        (node / "properties").write_text(f"cpu_cores_count 64\ngfx_target_version {version}\n")
    device(tmp_path, "0000:02:00.0", "0x1002", "0x120000")
    assert visible_accelerators(tmp_path) == ["AMD gfx90a", "AMD gfx942", "NVIDIA H100 80GB HBM3"]
