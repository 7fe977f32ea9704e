"""Stores documents in a folder or bucket. The path of a document is made of the SHA-256 of its content:
`ab/abcdef….pdf`. A file is written completely or not at all, and it is never replaced. The functions and methods
raise ConsoleError:

- `storage_full`: no space, read-only, or the folder can't be written
- `documents_unreachable`: the share isn't mounted, or the bucket doesn't answer or refuses access
  (detail.reason)
- `provider_answer_unusable`: the document has more than 32 MiB
- `not_found`: no such file, not a document path, or the content was changed (detail.reason)
- `bad_profile`: the documents URL is of an unknown kind, or the optional package for it isn't installed
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from console.domain.error_reasons import DocumentNotFoundReason, UnusableAnswerReason
from console.domain.errors import ConsoleError, ErrorCode
from console.store.database.engine import Database
from console.store.documents.folder import DocumentFolder
from console.store.documents.storage_protocol import LARGEST_DOCUMENT_BYTES, DocumentStorage, is_path_of_content
from console.store.records import evidence

__all__ = ["LARGEST_DOCUMENT_BYTES", "Documents", "StoredDocument", "open_documents"]

_PATH_PATTERN = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{62}\.(?:pdf|csv|reg)")

_MANIFEST_PATH = "registry.json"
"""The only file that is replaced: it names the parts of the corporation registry (`console.store.registry`)."""


def is_document_path(path: str) -> bool:
    """True if `path` has the form of the paths that `Documents.store` returns. An adopted record may name a document
    with another path, which this program has not stored.
    """
    return _PATH_PATTERN.fullmatch(path) is not None


def is_path_of_sha256(path: str, sha256: str) -> bool:
    """True if `path` is the path at which `Documents.store` stores a document with this SHA-256 (hex)."""
    return is_document_path(path) and path[3:-4] == sha256


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A stored document: its path relative to the root of the documents, the SHA-256 of its content (hex), and its
    length in bytes.
    """

    path: str
    sha256: str
    bytes: int


class Documents:
    """Stores and reads the documents of a database (PDF and CSV files) and the parts of its corporation registry in a
    folder or a bucket. Any number of threads, processes and machines may use the same folder or bucket, and may store
    the same content at the same time."""

    def __init__(self, url: str, has_documents: Callable[[], bool] = lambda: False) -> None:
        """`url`: `file:` with an absolute folder, which is created when it is first used, or `gs://bucket/prefix`.
        Nothing is opened before the first use.

        `has_documents` returns True if the database has a document. Then an empty folder is refused, because it
        must be the wrong folder. Raises ConsoleError `bad_profile` if `url` has another form.
        """
        self._storage = _open_storage(url, has_documents)

    @property
    def location(self) -> str:
        """The folder, or the URL of the bucket, that contains the documents, as shown to people."""
        return self._storage.location

    def store(self, content: bytes, kind: Literal["pdf", "csv", "reg"] = "pdf") -> StoredDocument:
        """Store the content and return its path, SHA-256 and length. The content is on the disk when this returns.
        Storing the same content again changes nothing. `kind` becomes the ending of the path; the kind `reg` is for a
        part of a corporation registry. Raises ConsoleError `provider_answer_unusable` for more than
        LARGEST_DOCUMENT_BYTES."""
        if len(content) > LARGEST_DOCUMENT_BYTES:
            raise ConsoleError(ErrorCode.PROVIDER_ANSWER_UNUSABLE, {"reason": UnusableAnswerReason.TOO_LARGE})
        digest = sha256(content).hexdigest()
        stored_document = StoredDocument(f"{digest[:2]}/{digest}.{kind}", digest, len(content))
        self._storage.store(stored_document.path, content)
        return stored_document

    def read(self, path: str, stated_sha256: str | None = None) -> bytes:
        """Return the content stored under a path that `store` returned. Raises ConsoleError `not_found` if there is
        no such file, or if its content doesn't have the SHA-256 in the path or `stated_sha256`, the SHA-256 that the
        database states beside the path (None: it states none).
        """
        if _PATH_PATTERN.fullmatch(path) is None:
            raise _make_not_found_error(path, DocumentNotFoundReason.NO_DOCUMENT_PATH)
        if stated_sha256 is not None and not is_path_of_sha256(path, stated_sha256):
            raise _make_not_found_error(path, DocumentNotFoundReason.CONTENT_DAMAGED)
        try:
            content = self._storage.read(path)
        except FileNotFoundError:
            raise _make_not_found_error(path, DocumentNotFoundReason.FILE_MISSING) from None
        except OSError as error:
            raise _make_not_found_error(path, DocumentNotFoundReason.CONTENT_UNREADABLE) from error
        if not is_path_of_content(path, content):
            raise _make_not_found_error(path, DocumentNotFoundReason.CONTENT_DAMAGED)
        return content

    def list_paths(self) -> Iterator[str]:
        """Yield the path of every stored document, without the parts of a corporation registry."""
        yield from (
            path
            for path in self._storage.list_all_paths()
            if _PATH_PATTERN.fullmatch(path) and not path.endswith(".reg")
        )

    def restore_document(self, path: str, content: bytes) -> None:
        """Store a document from a backup under the path that `store` once returned for it. Raises ConsoleError
        `not_found` (damaged) if the path doesn't have the SHA-256 of the content.
        """
        if _PATH_PATTERN.fullmatch(path) is None or not is_path_of_content(path, content):
            raise _make_not_found_error(path, DocumentNotFoundReason.CONTENT_DAMAGED)
        self._storage.store(path, content)

    def delete_registry_part(self, path: str) -> None:
        """Delete a part of a corporation registry that is no longer needed. Only such parts can be deleted: raises
        ConsoleError `not_found` for any other path.
        """
        if _PATH_PATTERN.fullmatch(path) is None or not path.endswith(".reg"):
            raise _make_not_found_error(path, DocumentNotFoundReason.NO_DOCUMENT_PATH)
        self._storage.delete(path)

    def replace_manifest(self, content: bytes) -> None:
        """Replace the manifest of the corporation registry. A concurrent reader gets the whole former manifest or
        the whole new one.
        """
        self._storage.replace(_MANIFEST_PATH, content)

    def read_manifest(self) -> bytes | None:
        """Return the manifest of the corporation registry; None if none was written."""
        try:
            return self._storage.read(_MANIFEST_PATH)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _make_not_found_error(_MANIFEST_PATH, DocumentNotFoundReason.CONTENT_UNREADABLE) from error

    def check_writable(self) -> None:
        """Check, without writing, that a document could be stored now. Raises ConsoleError `storage_full` if the
        folder can't be written; `documents_unreachable` if this desk can't reach the folder or bucket.
        """
        self._storage.check_writable()


def open_documents(url: str, database: Database) -> Documents:
    """Return the documents of this database, without opening the folder or bucket. Raises ConsoleError `bad_profile`
    if `url` is invalid or the optional package for it isn't installed.
    """

    def has_documents() -> bool:
        with database.read() as conn:
            return evidence.has_documents(conn)

    return Documents(url, has_documents)


def _open_storage(url: str, has_documents: Callable[[], bool]) -> DocumentStorage:
    """Return the storage of the URL: a folder for `file:`, a bucket for `gs:`. Raises ConsoleError `bad_profile` for
    another URL."""
    if not url.startswith("gs:"):
        return DocumentFolder(url, has_documents)
    from console.store.documents.gcs_bucket import DocumentBucket

    return DocumentBucket(url)


def _make_not_found_error(path: str, reason: DocumentNotFoundReason) -> ConsoleError:
    return ConsoleError(ErrorCode.NOT_FOUND, {"document": path, "reason": reason})
