"""What a place for documents must do, be it a folder or a bucket; and what both know of documents."""

from hashlib import sha256
from typing import Protocol

from console.domain.errors import ConsoleError

LARGEST_BYTES = 32 * 1024 * 1024


class Shelf(Protocol):
    """Keeps contents under the names that follow from them. All calls may raise documents_unreachable."""

    place: str
    """Where it is, for people."""

    def keep(self, path: str, content: bytes) -> None:
        """Durable under that path when this returns; a different content there is set aside. Raises storage_full."""

    def get(self, path: str) -> bytes:
        """What lies there, unchecked. Raises FileNotFoundError, and OSError for what can't be a document of ours."""

    def look(self) -> None:
        """Whether documents could be kept here now; writes nothing. Raises storage_full."""


def fits(path: str, content: bytes) -> bool:
    """Whether that content belongs under that path."""
    return sha256(content).hexdigest() == path[3:-4]


def unreachable(place: str, reason: str, problem: object = "") -> ConsoleError:
    """The documents may well be there, but this desk can't get at them."""
    return ConsoleError("documents_unreachable", {"place": place, "reason": reason, "problem": str(problem)})
