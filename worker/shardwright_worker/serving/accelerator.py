"""Finds the accelerators of a machine through the kernel, and compares accelerators by family."""

import re
from pathlib import Path
from typing import NamedTuple

_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
# PCI classes of compute cards. A display controller (0x0300) counts for NVIDIA alone: servers have others on board.
_CLASSES = {
    "NVIDIA": ("0x0300", "0x0302", "0x0380", "0x1200"),
    "AMD": ("0x0380", "0x1200"),
    "Intel": ("0x0380", "0x1200"),
}
_GENERATIONS = {
    "hopper": ("H100", "H200", "H800", "H20", "GH200", "HOPPER", "SM_?90A?", "9\\.0"),
    "blackwell": ("B100", "B200", "B300", "GB200", "GB300", "BLACKWELL", "SM_?100[AF]?", "SM_?103[AF]?", "10\\.[03]"),
    "ada": ("L4", "L40", "L40S", "RTX 40\\d\\d", "ADA", "SM_?89", "8\\.9"),
    "ampere": ("A100", "A800", "A30", "SM_?80", "8\\.0"),
    "ampere-small": ("A10G?", "A16", "A40", "RTX 30\\d\\d", "SM_?86", "8\\.6"),
    "gfx90a": ("MI210", "MI250X?", "GFX90A"),
    "gfx942": ("MI300[AX]?", "MI308X?", "MI325X?", "GFX942"),
    "gfx950": ("MI350X?", "MI355X?", "GFX950"),
}
_MAKERS = {"NVIDIA": ("NVIDIA", "TESLA"), "AMD": ("AMD", "INSTINCT", "RADEON", "GFX"), "Intel": ("INTEL", "XPU")}


class Family(NamedTuple):
    """Maker and generation of an accelerator; empty where its name does not show them."""

    maker: str
    generation: str


def visible_accelerators(root: Path = Path("/")) -> list[str]:
    """Return the names of all accelerators; `cpu` if the kernel shows devices but no accelerator, nothing otherwise."""
    found = [*_nvidia(root), *_amd(root)]
    makers = {family_of(name).maker for name in found}
    pci, devices = _cards(root / "sys/bus/pci/devices", "")
    drm, _ = _cards(root / "sys/class/drm", "device")
    found += [maker for maker in sorted({*pci, *drm}) if maker not in makers]
    return sorted(set(found)) or (["cpu"] if devices else [])


def family_of(name: str) -> Family:
    """Return what decides kernels, and so layouts, of a name such as `NVIDIA H100 80GB HBM3`, `AMD gfx942` or `cpu`."""
    text = name.upper()
    generation = next(
        (family for family, names in _GENERATIONS.items() if any(re.search(rf"\b{one}\b", text) for one in names)), ""
    )
    maker = next((maker for maker, words in _MAKERS.items() if any(word in text for word in words)), "")
    if not maker and generation:
        maker = "AMD" if generation.startswith("gfx") else "NVIDIA"
    if not maker and re.search(r"\bCPU\b", text):
        maker = "CPU"
    return Family(maker, generation)


def same_family(one: str, other: str) -> bool | None:
    """Return whether two accelerators run the same kernels; None if their names do not show it."""
    if one.strip().lower() == other.strip().lower():
        return True
    first, second = family_of(one), family_of(other)
    if not (first.maker and second.maker):
        return None
    if first.maker != second.maker:
        return False
    return first.generation == second.generation if first.generation and second.generation else None


def _nvidia(root: Path) -> list[str]:
    texts = [_read(path) for path in sorted(root.glob("proc/driver/nvidia/gpus/*/information"))]
    return [match.group(1).strip() for text in texts if (match := re.search(r"^Model:\s*(.+)$", text, re.MULTILINE))]


def _amd(root: Path) -> list[str]:
    """Return the compute nodes of AMD's driver; a node without a version is a CPU."""
    names = []
    for path in sorted(root.glob("sys/class/kfd/kfd/topology/nodes/*/properties")):
        match = re.search(r"^gfx_target_version\s+([1-9]\d{0,6})\s*$", _read(path), re.MULTILINE)
        if match:
            version = int(match.group(1))
            names.append(f"AMD gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}")
    return names


def _cards(folder: Path, inner: str) -> tuple[list[str], int]:
    """Return the makers of the compute cards in a folder of devices, and the number of devices of any kind."""
    makers, devices = [], 0
    for device in sorted(folder.glob("*")):
        vendor = _read(device / inner / "vendor").strip().lower()
        devices += bool(vendor)
        maker = _VENDORS.get(vendor, "")
        if maker and _read(device / inner / "class").strip().lower()[:6] in _CLASSES[maker]:
            makers.append(maker)
    return makers, devices


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4096).decode(errors="replace")
    except OSError:
        return ""
