"""Fixtures that tests of several areas share."""

from tools.control_plane.fixtures import plane

__all__ = ["plane"]
