"""Find out whether a desk's file is still the one that its processes wrote, or a copy of it.

A copy has the state of an earlier moment: requests that the desk's processes have sent since then are missing in it.
"""

from pathlib import Path

from console.settings.private_files import make_private_file

PLACE_FILE_NAME = "desk.place"
"""Name of an empty file beside the desk's file. No program writes to it, so the time of its last change
(`st_ctime`), which a person can't set, shows that the folder's files were put back from a copy."""


def find_place(file: Path) -> str | None:
    """Return a text that identifies `file` together with the file PLACE_FILE_NAME beside it, which is created if it
    is missing. A copy of the folder has another text, and so has the folder itself after its files were put back from
    a copy. Return None if the files can't be read or created.
    """
    place_file = file.with_name(PLACE_FILE_NAME)
    try:
        make_private_file(place_file)
        file_status, place_status = file.stat(), place_file.stat()
    except OSError:
        return None
    # The number of the device isn't part of it: it may change when the machine starts again.
    return f"{file_status.st_ino}:{place_status.st_ino}:{place_status.st_ctime_ns}"
