"""Removes permissions on files for tests, and makes this effective even if root runs the tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def remove_permissions(path: Path, remaining_mode: int = 0) -> Iterator[None]:
    """Within the block, the file or folder has only the permissions `remaining_mode`. If root runs the tests, the
    process acts as another user within the block, because permissions don't restrict root.
    """
    mode, is_root = path.stat().st_mode, os.geteuid() == 0
    folders = [folder for folder in path.parents if is_root and folder.stat().st_mode & 0o077 == 0]
    for folder in folders:
        folder.chmod(0o711)
    path.chmod(remaining_mode)
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
