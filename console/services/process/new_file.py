"""Write the new file of an export. The file gets its name only when it is complete."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.domain.error_reasons import UsageProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.reason import ForeignText
from console.settings.unfinished_files import UnfinishedFile, open_unfinished_file


@contextmanager
def open_new_file(path: Path) -> Iterator[UnfinishedFile]:
    """Context manager: yield a draft of the new file `path`. The block must publish the draft to give the file its
    name; if it doesn't, the draft is deleted. Raises usage (file_exists) if the file exists, and storage_full if the
    block or the file system raises an OSError, or if no file can have this name.
    """
    try:
        if "\0" in str(path):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
        with open_unfinished_file(path.absolute()) as draft:
            yield draft
    except FileExistsError as exists:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.FILE_EXISTS, "file": str(path)}) from exists
    except OSError as trouble:
        raise ConsoleError(
            ErrorCode.STORAGE_FULL, {"file": str(path), "problem": ForeignText(trouble.strerror or str(trouble))}
        ) from trouble
