"""Tests of the stored documents (PDFs) in a folder and in a bucket. A document is stored completely or not at all, is
never replaced, and the program reads or writes no other file."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError
from console.store.documents.documents import LARGEST_DOCUMENT_BYTES, Documents
from tests.store import processes
from tests.support.bucket_server import BUCKET_NAME, OBJECT_PREFIX, start_bucket_server

PDF_BYTES = b"%PDF-1.7 a report %%EOF"
PDF_SHA256 = sha256(PDF_BYTES).hexdigest()
STORED_PATH = f"{PDF_SHA256[:2]}/{PDF_SHA256}.pdf"


@dataclass(frozen=True, slots=True)
class DocumentPlace:
    """A folder or bucket for documents, and functions with which a test changes the files without the program:
    `write_file` writes, `read_file` reads, `delete_file` deletes and `list_file_names` lists them. `requests` are the
    requests that the bucket has received; a folder has none."""

    url: str
    write_file: Callable[[str, bytes], object]
    read_file: Callable[[str], bytes]
    delete_file: Callable[[str], None]
    list_file_names: Callable[[], list[str]]
    requests: Sequence[str] = ()


def _make_folder_place(root: Path) -> DocumentPlace:
    return DocumentPlace(
        root.as_uri(),
        write_file=lambda path, content: (root / path).write_bytes(content),
        read_file=lambda path: (root / path).read_bytes(),
        delete_file=lambda path: (root / path).unlink(),
        list_file_names=lambda: sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()),
    )


@pytest.fixture(params=["folder", "bucket"])
def document_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DocumentPlace]:
    if request.param == "folder":
        yield _make_folder_place(tmp_path / "書類 of desk" / "documents")
        return
    with start_bucket_server() as served:
        yield DocumentPlace(
            f"gs://{BUCKET_NAME}/{OBJECT_PREFIX}",
            served.write_object,
            served.read_object,
            served.delete_object,
            served.list_object_paths,
            served.requests,
        )


@pytest.fixture
def documents(document_place: DocumentPlace) -> Documents:
    return Documents(document_place.url)


def _read_refusal_reason(documents: Documents, path: str) -> object:
    with pytest.raises(ConsoleError) as caught:
        documents.read(path)
    assert caught.value.code == "not_found"
    return caught.value.detail["reason"]


def test_a_stored_document_is_read_back(documents: Documents, document_place: DocumentPlace) -> None:
    """A stored document is read back unchanged. Its name contains the hash of its content. Neither storing nor the
    check of write access leaves another file in the folder or bucket."""
    documents.check_writable()
    assert document_place.list_file_names() == []
    stored = documents.store(PDF_BYTES)
    assert (stored.path, stored.sha256, stored.bytes) == (STORED_PATH, PDF_SHA256, len(PDF_BYTES))
    assert documents.read(stored.path) == PDF_BYTES
    assert document_place.list_file_names() == [STORED_PATH]
    documents.check_writable()


@pytest.mark.parametrize("size", [0, 1, 300_000, 3_000_000])
def test_any_bytes_are_stored_and_read_back(documents: Documents, size: int) -> None:
    """Bytes of any content and allowed size, such as line ends and zeros, are read back unchanged."""
    whole = b"\r\n--\r\n\n\r\0\xff\n--==0==\r\n\n--==0==--" * (size // 20 + 1)
    content = os.urandom(size // 2) + whole[: size - size // 2]
    assert documents.read(documents.store(content).path) == content


def test_storing_the_same_document_again_adds_no_file(documents: Documents, document_place: DocumentPlace) -> None:
    """Storing the same content again, also from another process, returns the same path and adds no file."""
    documents.store(PDF_BYTES)
    assert Documents(document_place.url).store(PDF_BYTES).path == STORED_PATH
    assert document_place.list_file_names() == [STORED_PATH]


def test_simultaneous_writes_of_one_document_store_it_once(
    documents: Documents, document_place: DocumentPlace
) -> None:
    """Many writers store the same content at the same time. All of them get the same path, and one complete file
    exists.
    """
    with ThreadPoolExecutor(8) as pool:
        assert {stored.path for stored in pool.map(documents.store, [PDF_BYTES] * 24)} == {STORED_PATH}
    assert documents.read(STORED_PATH) == PDF_BYTES
    assert document_place.list_file_names() == [STORED_PATH]


def test_a_folder_replaced_during_a_write_keeps_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the program creates a file, another process replaces the empty folder by its own folder of the same name,
    and Linux answers ENOENT. The program then creates the file in the new folder.
    """
    create, replaced = os.open, list[Path]()

    def open_after_replacement(path: Path, flags: int, mode: int = 0o777) -> int:
        """Before the first file is created, delete its folder, so that the creation fails; afterwards create the
        folder again.
        """
        if flags & os.O_CREAT and not replaced:
            folder = Path(path).parent
            replaced.append(folder)
            folder.rmdir()
            try:
                return create(path, flags, mode)
            finally:
                folder.mkdir()
        return create(path, flags, mode)

    documents = Documents(tmp_path.as_uri())
    monkeypatch.setattr(os, "open", open_after_replacement)
    assert documents.store(PDF_BYTES).path == STORED_PATH
    assert replaced == [tmp_path / STORED_PATH[:2]]


def test_two_desks_store_one_document_once(document_place: DocumentPlace) -> None:
    """Two processes store the same twenty documents at the same time in the same order. Afterwards each document
    exists once and can be read.
    """
    outcomes = processes.read_outcomes(
        [processes.start_script("documents_worker.py", document_place.url) for _ in range(2)]
    )
    assert len(set(outcomes)) == 1
    documents = Documents(document_place.url)
    assert all(documents.read(path) for path in outcomes[0].split())
    assert document_place.list_file_names() == sorted(outcomes[0].split())


def test_a_damaged_document_is_never_shown_and_is_renamed(
    documents: Documents, document_place: DocumentPlace
) -> None:
    """Reading a damaged document is refused. Storing the document again writes the right content and renames the
    damaged file.
    """
    documents.store(PDF_BYTES)
    document_place.write_file(STORED_PATH, b"%PDF-1.7 another report")
    assert _read_refusal_reason(documents, STORED_PATH) == "damaged"
    assert documents.store(PDF_BYTES).path == STORED_PATH
    assert documents.read(STORED_PATH) == PDF_BYTES
    stored, renamed = document_place.list_file_names()
    assert (stored, renamed.rpartition("-")[0]) == (STORED_PATH, f"{STORED_PATH}.damaged")
    assert document_place.read_file(renamed) == b"%PDF-1.7 another report"


def test_a_too_large_file_with_a_document_name_is_not_read(
    documents: Documents, document_place: DocumentPlace
) -> None:
    """The program doesn't read a file of more than 32 MiB under the name of a document, because it never stores one
    of that size. Storing the document again renames the large file."""
    documents.store(PDF_BYTES)
    document_place.write_file(STORED_PATH, b"x" * (LARGEST_DOCUMENT_BYTES + 1))
    assert _read_refusal_reason(documents, STORED_PATH) == "unreadable"
    assert documents.read(documents.store(PDF_BYTES).path) == PDF_BYTES
    assert len(document_place.list_file_names()) == 2


def test_a_deleted_document_is_reported_as_missing(documents: Documents, document_place: DocumentPlace) -> None:
    """Reading a document that was never stored, or was deleted, is refused as missing."""
    assert _read_refusal_reason(documents, STORED_PATH) == "missing"
    documents.store(PDF_BYTES)
    document_place.delete_file(STORED_PATH)
    assert _read_refusal_reason(documents, STORED_PATH) == "missing"


def test_a_too_large_document_is_refused(documents: Documents, document_place: DocumentPlace) -> None:
    """A document with one byte more than the largest allowed size is refused and not stored."""
    with pytest.raises(ConsoleError) as caught:
        documents.store(b"x" * (LARGEST_DOCUMENT_BYTES + 1))
    assert (caught.value.code, caught.value.detail) == ("provider_answer_unusable", {"reason": "too_large"})
    assert document_place.list_file_names() == []


def test_the_document_store_opens_its_folder_at_the_first_document() -> None:
    """Creating the object for the documents imports no gcsfs and opens no folder. The program does both only for the
    first document."""
    result = subprocess.run(
        [sys.executable, "-c", OPEN_DOCUMENTS_PROGRAM], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


OPEN_DOCUMENTS_PROGRAM = """
import sys
from console.store.documents.documents import Documents
Documents("file:///no/such/place"), Documents("gs://bucket/prefix")
print([name for name in sys.modules if name.startswith(("gcsfs", "fsspec", "google", "aiohttp"))])
"""


@pytest.mark.parametrize(
    "url", ["", "documents", "file:", "file:documents", "file://server/x", "http://h/x", "file:/a%00b"]
)
def test_a_url_of_neither_folder_nor_bucket_is_refused(url: str) -> None:
    """A URL that names neither a folder nor a bucket is refused as a wrong setting, with the name of its variable."""
    with pytest.raises(ConsoleError) as caught:
        Documents(url)
    assert caught.value.detail == {"variable": "CONSOLE_DOCUMENTS_URL", "problem": "documents_form"}


HEX_DIGEST = "ab" + "0" * 62
INVALID_PATHS = [
    *(
        "",
        ".",
        "..",
        "/",
        "\\",
        "\0",
        " ",
        "a",
        "ab",
        "ab/",
        f"/{STORED_PATH}",
        f"./{STORED_PATH}",
        f"../{STORED_PATH}",
    ),
    *(
        f"{STORED_PATH}/",
        f"{STORED_PATH} ",
        f" {STORED_PATH}",
        f"{STORED_PATH}\n",
        f"\n{STORED_PATH}",
        f"{STORED_PATH}\0",
        f"{STORED_PATH}\0.pdf",
        f"{STORED_PATH}.",
    ),
    *(
        f"{STORED_PATH}:stream",
        f"{STORED_PATH}::$DATA",
        f"file:{STORED_PATH}",
        f"C:/{STORED_PATH}",
        f"C:{STORED_PATH}",
        f"//server/share/{STORED_PATH}",
    ),
    *(
        STORED_PATH.upper(),
        STORED_PATH.replace("/", "\\"),
        STORED_PATH.replace("/", "//"),
        STORED_PATH.replace("/", "/./"),
    ),
    *(
        f"{PDF_SHA256[:2]}/../{STORED_PATH}",
        f"{PDF_SHA256[:2]}/{PDF_SHA256}",
        f"{PDF_SHA256[:2]}/{PDF_SHA256}.PDF",
        f"{PDF_SHA256}.pdf",
    ),
    *(
        f"cd/{HEX_DIGEST}.pdf",
        f"ab/{HEX_DIGEST[:-1]}.pdf",
        f"ab/{HEX_DIGEST}0.pdf",
        f"ab/{HEX_DIGEST}.pdf.pdf",
        f"a/b/{HEX_DIGEST}.pdf",
        f"ab/{HEX_DIGEST}.exe",
    ),
    *("ab/" + "g" * 64 + ".pdf", "ab/ab" + "０" * 62 + ".pdf", f"ab%2F{HEX_DIGEST}.pdf", "%2e%2e/etc/passwd"),
    *("../../../../etc/passwd", "/etc/passwd", "CON", "NUL.pdf", "ab/CON.pdf", "pdfs/12345.pdf", "~/x.pdf", "$HOME"),
    *("a" * 5000, f"ab/{HEX_DIGEST}.pdf?x=1", f"gs://papers/{STORED_PATH}", "ab/\u202e.pdf"),
]


@pytest.mark.parametrize("path", INVALID_PATHS, ids=range(len(INVALID_PATHS)))
def test_only_our_own_paths_are_read(tmp_path: Path, path: str) -> None:
    """A path that the program would never create is refused because of its form, even if it leads to a stored
    document."""
    documents = Documents(tmp_path.as_uri())
    documents.store(PDF_BYTES)
    assert len(INVALID_PATHS) >= 50
    assert _read_refusal_reason(documents, path) == "not_ours"


def test_paths_of_a_bucket_are_checked_first(document_place: DocumentPlace) -> None:
    """A path that the program would never create is refused because of its form, in a folder and in a bucket,
    although nothing is stored there. No request about it is sent to the bucket."""
    documents = Documents(document_place.url)
    assert {_read_refusal_reason(documents, path) for path in INVALID_PATHS} == {"not_ours"}
    assert list(document_place.requests) == []
