"""Modes of what is published: a server with another user id must be able to read it."""

import errno
import os
from pathlib import Path

from shardwright_worker.files.volume_errors import UNABLE

FILE_MODE = 0o644
FOLDER_MODE = 0o755


def set_mode(path: Path | int, mode: int) -> None:
    """Set it where the volume has modes and the file is ours; elsewhere the volume decides who may read."""
    try:
        os.chmod(path, mode)
    except OSError as error:
        if error.errno not in (*UNABLE, errno.EACCES):
            raise
