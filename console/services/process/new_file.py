"""Write the new file of an export, with an audit entry. The file gets its name only when it is complete and the entry
is written."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process import interrupts
from console.domain.reason import ForeignText
from console.domain.usage_problems import UsageProblem
from console.services.process.failure_suppression import log_and_suppress
from console.settings.unfinished_files import UnfinishedFile, open_unfinished_file

if TYPE_CHECKING:
    from console.domain.errors.details import UsageDetail
    from console.services.process.context import ServiceContext
    from console.store.database.engine import Transaction


class ExportEntryRecorder(Protocol):
    """Function that writes the audit entry about an exported file in a transaction; `result` and `reason` (an error
    code, None for a written file) become those of the entry. With the result `failed`, the entry says that the file
    of the earlier entry could not get its name."""

    def __call__(self, tx: "Transaction", /, *, result: str, reason: ErrorCode | None) -> None: ...


@contextmanager
def open_new_file(path: Path) -> Iterator[UnfinishedFile]:
    """Context manager: yield a draft of the new file `path`. The block must publish the draft to give the file its
    name; if it doesn't, the draft is deleted. Raises usage (file_exists) if the file exists, usage (no_folder) if its
    folder doesn't exist or is a file, and storage_full if the block or the file system raises another OSError, or if
    no file can have this name.
    """
    try:
        if "\0" in str(path):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
        with open_unfinished_file(path.absolute()) as draft:
            yield draft
    except FileExistsError as exists:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.FILE_EXISTS, "file": str(path)}) from exists
    except OSError as error:
        folder = _find_folder(path)
        if folder is not None and not _may_be_folder(folder):
            facts: UsageDetail = {
                "problem": UsageProblem.NO_SUCH_FOLDER,
                "file": str(path),
                "folder": str(folder),
            }
            raise ConsoleError(ErrorCode.USAGE, facts) from error
        raise ConsoleError(
            ErrorCode.STORAGE_FULL, {"file": str(path), "problem": ForeignText(error.strerror or str(error))}
        ) from error


def publish_with_audit_entry(
    context: "ServiceContext", draft: UnfinishedFile, record_entry: ExportEntryRecorder, *, failpoint: str = ""
) -> None:
    """Write the content of the draft to the disk, write the audit entry about it, and give the file its name. So
    there is no file without an entry, and a full disk is found before the entry. If the file can't get its name,
    write a second entry with the result `failed`, and raise the OSError. Signals such as Ctrl+C take effect only
    after these steps: a process that ended between the entry and the name would leave an entry about a file that
    doesn't exist. `failpoint` is reached between the entry and the name; "" for none."""
    draft.write_to_disk()
    with interrupts.defer_signals():
        context.write(lambda tx: record_entry(tx, result="done", reason=None))
        if failpoint:
            context.failpoints.reach(failpoint)
        try:
            draft.publish()
        except OSError as error:
            reason = ErrorCode.USAGE if isinstance(error, FileExistsError) else ErrorCode.STORAGE_FULL
            with log_and_suppress("audit of a file without a name"):
                context.write(lambda tx: record_entry(tx, result="failed", reason=reason))
            raise


def _find_folder(path: Path) -> Path | None:
    """Return the absolute path of the folder of a file; None for a relative path in a deleted working directory,
    which has no folder that a person could name."""
    try:
        return path.absolute().parent
    except FileNotFoundError:
        return None


def _may_be_folder(path: Path) -> bool:
    """Return False if there is certainly no folder at this path. Return True also if the operating system can't tell,
    for example because a folder above may not be read."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
