"""Fixtures of several test folders."""

from tools.control_plane.fixtures import plane

__all__ = ["plane"]
