"""Fixtures and settings of several test folders."""

from hypothesis import settings

from tools.control_plane.fixtures import plane

__all__ = ["plane"]

# No deadline for an example: on a busy machine, or with coverage, any of them may take long.
# https://hypothesis.readthedocs.io/en/latest/reference/api.html#hypothesis.settings.deadline
settings.register_profile("without-deadline", deadline=None)
settings.load_profile("without-deadline")
