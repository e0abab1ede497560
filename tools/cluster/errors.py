"""The error that the commands for clusters report without a traceback."""


class ClusterError(Exception):
    """A command failed; the message says what failed, and what to do about it where that is known."""
