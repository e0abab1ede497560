"""Fixtures that tests of several areas share."""

from tests.plane.fixtures import plane

__all__ = ["plane"]
