"""Protocol of a storage for documents (folder or bucket), and the functions that both storages use."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Protocol

from console.domain.error_reasons import DocumentsReason
from console.domain.errors import ConsoleError, ErrorCode

LARGEST_BYTES = 32 * 1024 * 1024


class DocumentStorage(Protocol):
    """Storage of contents under paths that contain their SHA-256. Every method may raise documents_unreachable:
    this desk can't reach the folder or bucket.
    """

    location: str
    """Location of the documents, as shown to people."""

    def store(self, path: str, content: bytes) -> None:
        """Store the content durably under the path. If a file with other content has this path, that file is
        renamed first. Raises storage_full if the content can't be written.
        """

    def read(self, path: str) -> bytes:
        """Return the content stored under the path, without a check of its SHA-256. Raises FileNotFoundError, and
        OSError for a file that can't be a document.
        """

    def replace(self, path: str, content: bytes) -> None:
        """Store the content under the path, atomically. Present content is replaced. Raises storage_full if the
        content can't be written.
        """

    def delete(self, path: str) -> None:
        """Delete the content under the path, if it is there."""

    def names(self) -> Iterator[str]:
        """Yield the path of every stored file or object, including those that aren't documents."""

    def check_writable(self) -> None:
        """Check, without writing, that a document could be stored now. Raises storage_full if it couldn't."""


def matches_path(path: str, content: bytes) -> bool:
    """True if the path contains the SHA-256 of this content."""
    return sha256(content).hexdigest() == path[3:-4]


def make_unreachable_error(place: str, reason: DocumentsReason, problem: object = "") -> ConsoleError:
    """Return the error documents_unreachable for the folder or bucket `place`: this desk can't reach it for this
    reason, though its documents may exist. `problem`: details for the log.
    """
    return ConsoleError(ErrorCode.DOCUMENTS_UNREACHABLE, {"place": place, "reason": reason, "problem": str(problem)})
