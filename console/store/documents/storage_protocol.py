"""Protocol of a storage for documents, and the functions that both implementations (folder and bucket) use."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Protocol

from console.domain.error_reasons import DocumentsUnreachableReason
from console.domain.errors import ConsoleError, ErrorCode

LARGEST_DOCUMENT_BYTES = 32 * 1024 * 1024
"""Largest accepted document (bytes)."""


class DocumentStorage(Protocol):
    """Storage of documents under paths that contain the SHA-256 of their content, and of the manifest of the
    corporation registry (`replace`). Every method raises ConsoleError `documents_unreachable` if this desk can't
    reach the folder or bucket.
    """

    location: str
    """Location of the documents, as shown to people."""

    def store(self, path: str, content: bytes) -> None:
        """Store the content under the path; it is stored durably when this method returns. If another file or object
        with this path exists and has other content, that file or object is renamed first. A folder raises
        ConsoleError `storage_full` if the content can't be written.
        """

    def read(self, path: str) -> bytes:
        """Return the content stored under the path, without a check of its SHA-256. Raises FileNotFoundError if
        nothing is stored there; OSError for a file that can't be a document."""

    def replace(self, path: str, content: bytes) -> None:
        """Store the content under the path, or replace the content that the path has already. A reader gets the whole
        former content or the whole new one. A folder raises ConsoleError `storage_full` if the content can't be
        written.
        """

    def delete(self, path: str) -> None:
        """Delete the content with this path; do nothing if there is none. A folder raises ConsoleError `storage_full`
        if the file can't be deleted.
        """

    def list_all_paths(self) -> Iterator[str]:
        """Yield the path of every stored file or object, including those that aren't documents."""

    def check_writable(self) -> None:
        """Check, without writing, that a document could be stored now. Raises ConsoleError `storage_full` if the
        folder can't be written.
        """


def is_path_of_content(path: str, content: bytes) -> bool:
    """True if `path` is the path at which `Documents.store` stores a document with this content: it contains the
    SHA-256 of the content."""
    return sha256(content).hexdigest() == path[3:-4]


def make_unreachable_error(location: str, reason: DocumentsUnreachableReason, problem: object = "") -> ConsoleError:
    """Return the error `documents_unreachable`: this desk can't reach the folder or bucket `location` because of
    `reason`, so nothing is known about the documents in it. `problem` contains details for the log.
    """
    return ConsoleError(
        ErrorCode.DOCUMENTS_UNREACHABLE, {"place": location, "reason": reason, "problem": str(problem)}
    )
