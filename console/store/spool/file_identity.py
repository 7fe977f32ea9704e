"""Detects that a desk's file is a copy of the file to which the desk's processes have written.

A copy has the state of an earlier moment: the requests that the desk's processes have sent since that moment are
missing in the copy.
"""

from contextlib import suppress
from pathlib import Path

from console.settings.private_files import make_private_file

IDENTITY_FILE_NAME = "desk.place"
"""Name of an empty file beside the desk's file. No program writes to it, so the time of its last change
(`st_ctime`), which a person can't set, shows that the folder's files were put back from a copy."""


def create_identity_file(file: Path) -> None:
    """Create the file IDENTITY_FILE_NAME beside `file` if it is missing and can be created. The caller holds the lock
    of `file`: creating a file changes its `st_ctime` twice, and between the two changes another process would read
    another identity.
    """
    with suppress(OSError):
        make_private_file(file.with_name(IDENTITY_FILE_NAME))


def find_file_identity(file: Path) -> str | None:
    """Return a text that identifies `file` together with the file IDENTITY_FILE_NAME beside it. Return None if one of
    the two files is missing or can't be read.

    A copy of the folder has another text. The folder itself also has another text after a person has put its files
    back from a copy.
    """
    try:
        file_status, identity_status = file.stat(), file.with_name(IDENTITY_FILE_NAME).stat()
    except OSError:
        return None
    # The number of the device isn't part of it: it may change when the machine starts again.
    return f"{file_status.st_ino}:{identity_status.st_ino}:{identity_status.st_ctime_ns}"
