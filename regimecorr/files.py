"""Files: written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["PICTURE_SUFFIXES", "replace_file"]

#: What pictures can be written as.
PICTURE_SUFFIXES = (".pdf", ".png", ".svg")


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it.

    Parameters
    ----------
    path : Path
        Target in an existing folder; an existing file is replaced.
    content : bytes
        All of it.

    Raises
    ------
    OSError
        The folder cannot be written to, or the target is a folder; nothing is left behind.
    """
    # Unlike a file of tempfile's, one made by open() has the permissions the user is used to.
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
