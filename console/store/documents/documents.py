"""Files kept by content: `ab/abcdef….pdf` in a folder or bucket, written whole or not at all, never replaced.

ConsoleError
├── storage_full               no room, read-only, or the folder can't be written
├── documents_unreachable      the share is not mounted, the bucket doesn't answer or doesn't admit us (detail.reason)
├── provider_answer_unusable   more than 32 MiB
├── not_found                  no such file, no path of ours, or not what was stored (detail.reason)
└── bad_profile                the documents URL is of no kind that this program knows, or it lacks the part for it
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from console.domain.errors import ConsoleError
from console.store import evidence
from console.store.documents_folder import Folder
from console.store.documents_shelf import LARGEST_BYTES, Shelf, fits
from console.store.engine import Database

__all__ = ["LARGEST_BYTES", "Documents", "Stored", "open_documents"]

_OURS = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{62}\.(?:pdf|csv)")


@dataclass(frozen=True, slots=True)
class Stored:
    """A document that is kept: path relative to the documents root, sha256 in hex, length in bytes."""

    path: str
    sha256: str
    bytes: int


class Documents:
    """All documents of the desk. Safe from any thread, process and machine: two that store the same agree."""

    def __init__(self, url: str, known: Callable[[], bool] = lambda: False) -> None:
        """`file:` with an absolute folder, made when first used, or `gs://bucket/prefix`. Nothing is opened yet.

        `known` says whether the database knows of any document. Then an empty folder is not the documents' folder.
        """
        self._shelf = _shelf(url, known)

    @property
    def place(self) -> str:
        """Where the documents are, for people."""
        return self._shelf.place

    def put(self, content: bytes, kind: Literal["pdf", "csv"] = "pdf") -> Stored:
        """Keep the content, durably when this returns. The same content again changes nothing."""
        if len(content) > LARGEST_BYTES:
            raise ConsoleError("provider_answer_unusable", {"reason": "too_large"})
        digest = sha256(content).hexdigest()
        stored = Stored(f"{digest[:2]}/{digest}.{kind}", digest, len(content))
        self._shelf.keep(stored.path, content)
        return stored

    def read(self, path: str) -> bytes:
        """The content under a path that `put` gave, checked against its name."""
        if _OURS.fullmatch(path) is None:
            raise _absent(path, "not_ours")
        try:
            content = self._shelf.get(path)
        except FileNotFoundError:
            raise _absent(path, "missing") from None
        except OSError as trouble:
            raise _absent(path, "unreadable") from trouble
        if not fits(path, content):
            raise _absent(path, "damaged")
        return content

    def look(self) -> None:
        """Whether documents could be kept now; writes nothing. Raises storage_full, documents_unreachable."""
        self._shelf.look()


def open_documents(url: str, database: Database) -> Documents:
    """The documents that the database's rows point to. Raises bad_profile; opens nothing yet."""

    def known() -> bool:
        with database.read() as conn:
            return evidence.any_document(conn)

    return Documents(url, known)


def _shelf(url: str, known: Callable[[], bool]) -> Shelf:
    if not url.startswith("gs:"):
        return Folder(url, known)
    from console.store.documents_bucket import Bucket

    return Bucket(url)


def _absent(path: str, reason: str) -> ConsoleError:
    return ConsoleError("not_found", {"document": path, "reason": reason})
