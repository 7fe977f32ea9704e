"""Files that may not be read or written, whoever runs the tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def without_rights(path: Path, left: int = 0) -> Iterator[None]:
    """Take away the permissions of a file or folder but those of the mode `left`, also from root, who is another user
    meanwhile.
    """
    mode, is_root = path.stat().st_mode, os.geteuid() == 0
    folders = [folder for folder in path.parents if is_root and folder.stat().st_mode & 0o077 == 0]
    for folder in folders:
        folder.chmod(0o711)
    path.chmod(left)
    if is_root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        path.chmod(mode)
        for folder in folders:
            folder.chmod(0o700)
