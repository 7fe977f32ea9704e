"""Protocol of a folder or bucket for documents, and the functions that both use."""

from hashlib import sha256
from typing import Protocol

from console.domain.error_reasons import PlaceReason
from console.domain.errors import ConsoleError, ErrorCode

LARGEST_BYTES = 32 * 1024 * 1024


class DocumentStorage(Protocol):
    """Stores contents under paths that have their SHA-256. All methods may raise documents_unreachable."""

    place: str
    """Location, for people."""

    def store(self, path: str, content: bytes) -> None:
        """Store the content durably under the path. A file with other content under that path is renamed. Raises
        storage_full.
        """

    def read(self, path: str) -> bytes:
        """Return the content, unchecked. Raises FileNotFoundError, and OSError for anything that can't be a
        document.
        """

    def check_writable(self) -> None:
        """Check that documents could be stored now, without writing. Raises storage_full."""


def matches_path(path: str, content: bytes) -> bool:
    """True if the path has the SHA-256 of this content."""
    return sha256(content).hexdigest() == path[3:-4]


def unreachable_error(place: str, reason: PlaceReason, problem: object = "") -> ConsoleError:
    """Return the error documents_unreachable: the documents may exist, but this desk can't reach them."""
    return ConsoleError(ErrorCode.DOCUMENTS_UNREACHABLE, {"place": place, "reason": reason, "problem": str(problem)})
