"""Modes of published files and folders: a server that runs as another user must be able to read them."""

import errno
import os
from pathlib import Path

from shardwright_worker.files.volume_errors import UNSUPPORTED

FILE_MODE = 0o644
FOLDER_MODE = 0o755


def set_mode(path: Path | int, mode: int) -> None:
    """Set the mode of a path or descriptor; do nothing where the volume has no modes or the file has another owner.

    Raises:
        OSError: any other error of the volume.
    """
    try:
        os.chmod(path, mode)
    except OSError as error:
        if error.errno not in (*UNSUPPORTED, errno.EACCES):
            raise
