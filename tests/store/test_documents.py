"""Stored PDFs: whole or absent, never replaced, and nothing outside the folder is ever reached."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError
from console.store.documents import LARGEST_BYTES, Documents
from tests.store import processes

PDF = b"%PDF-1.7 a report %%EOF"
DIGEST = sha256(PDF).hexdigest()
PLACE = f"{DIGEST[:2]}/{DIGEST}.pdf"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "書類 of desk" / "documents"


@pytest.fixture
def documents(root: Path) -> Documents:
    return Documents(root.as_uri())


def _reason(documents: Documents, path: str) -> object:
    with pytest.raises(ConsoleError) as caught:
        documents.read(path)
    assert caught.value.code == "not_found"
    return caught.value.detail["reason"]


def test_what_is_put_is_read_back(documents: Documents, root: Path) -> None:
    """Named by content, for this person alone, with nothing left beside it."""
    stored = documents.put(PDF)
    assert (stored.path, stored.sha256, stored.bytes) == (PLACE, DIGEST, len(PDF))
    assert documents.read(stored.path) == PDF
    assert [file.name for file in (root / DIGEST[:2]).iterdir()] == [f"{DIGEST}.pdf"]
    if os.name != "nt":
        assert (root / stored.path).stat().st_mode & 0o777 == 0o600
        assert root.stat().st_mode & 0o777 == 0o700


def test_the_same_content_again_touches_nothing(documents: Documents, root: Path) -> None:
    """The file that is there stays the very same file."""
    documents.put(PDF)
    before = (root / PLACE).stat()
    assert documents.put(PDF).path == PLACE
    after = (root / PLACE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_many_put_the_same_at_once(documents: Documents, root: Path) -> None:
    """Whoever is first: everybody gets the path, one file is there, whole."""
    with ThreadPoolExecutor(8) as pool:
        assert {stored.path for stored in pool.map(documents.put, [PDF] * 40)} == {PLACE}
    assert documents.read(PLACE) == PDF
    assert len(list((root / DIGEST[:2]).iterdir())) == 1


def test_a_damaged_file_is_never_shown_and_is_set_aside(documents: Documents, root: Path) -> None:
    """Read: refused. Put again: the right content is there, and the damaged file beside it."""
    documents.put(PDF)
    (root / PLACE).write_bytes(b"%PDF-1.7 another report")
    assert _reason(documents, PLACE) == "damaged"
    assert documents.put(PDF).path == PLACE
    assert documents.read(PLACE) == PDF
    (aside,) = root.glob("*/*.damaged-*")
    assert aside.read_bytes() == b"%PDF-1.7 another report"


def test_a_document_that_is_gone_is_missing(documents: Documents, root: Path) -> None:
    """Never stored, or deleted, with or without its folder: the same answer."""
    assert _reason(documents, PLACE) == "missing"
    documents.put(PDF)
    (root / PLACE).unlink()
    assert _reason(documents, PLACE) == "missing"


HEX = "ab" + "0" * 62
PATHS = [
    *("", ".", "..", "/", "\\", "\0", " ", "a", "ab", "ab/", f"/{PLACE}", f"./{PLACE}", f"../{PLACE}"),
    *(f"{PLACE}/", f"{PLACE} ", f" {PLACE}", f"{PLACE}\n", f"\n{PLACE}", f"{PLACE}\0", f"{PLACE}\0.pdf", f"{PLACE}."),
    *(f"{PLACE}:stream", f"{PLACE}::$DATA", f"file:{PLACE}", f"C:/{PLACE}", f"C:{PLACE}", f"//server/share/{PLACE}"),
    *(PLACE.upper(), PLACE.replace("/", "\\"), PLACE.replace("/", "//"), PLACE.replace("/", "/./")),
    *(f"{DIGEST[:2]}/../{PLACE}", f"{DIGEST[:2]}/{DIGEST}", f"{DIGEST[:2]}/{DIGEST}.PDF", f"{DIGEST}.pdf"),
    *(
        f"cd/{HEX}.pdf",
        f"ab/{HEX[:-1]}.pdf",
        f"ab/{HEX}0.pdf",
        f"ab/{HEX}.pdf.pdf",
        f"a/b/{HEX}.pdf",
        f"ab/{HEX}.exe",
    ),
    *("ab/" + "g" * 64 + ".pdf", "ab/ab" + "０" * 62 + ".pdf", f"ab%2F{HEX}.pdf", "%2e%2e/etc/passwd"),
    *("../../../../etc/passwd", "/etc/passwd", "CON", "NUL.pdf", "ab/CON.pdf", "pdfs/12345.pdf", "~/x.pdf", "$HOME"),
    *("a" * 5000, f"ab/{HEX}.pdf?x=1", f"gs://bucket/{PLACE}", "ab/\u202e.pdf"),
]


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_only_our_own_paths_are_read(documents: Documents, path: str) -> None:
    """Any other spelling is refused by its form alone, even of a document that is there."""
    documents.put(PDF)
    assert len(PATHS) >= 50
    assert _reason(documents, path) == "not_ours"


def _link_file(root: Path, secret: Path) -> None:
    (root / PLACE).unlink()
    (root / PLACE).symlink_to(secret)


def _link_folder(root: Path, secret: Path) -> None:
    (root / PLACE).rename(secret.parent / f"{DIGEST}.pdf")
    (root / DIGEST[:2]).rmdir()
    (root / DIGEST[:2]).symlink_to(secret.parent)


def _folder(root: Path, secret: Path) -> None:
    (root / PLACE).unlink()
    (root / PLACE).mkdir()


def _pipe(root: Path, secret: Path) -> None:
    (root / PLACE).unlink()
    os.mkfifo(root / PLACE)


def _giant(root: Path, secret: Path) -> None:
    os.truncate(root / PLACE, 500 * 1024 * 1024)


@pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
@pytest.mark.parametrize("trap", [_link_file, _link_folder, _folder, _pipe, _giant])
def test_traps_on_the_disk_are_not_walked_into(
    documents: Documents, root: Path, tmp_path: Path, trap: Callable[[Path, Path], None]
) -> None:
    """A link out, a folder, a pipe that never ends, a giant: not read, and nothing is written through them."""
    documents.put(PDF)
    secret = tmp_path / "elsewhere" / "secret"
    secret.parent.mkdir()
    secret.write_bytes(PDF)
    trap(root, secret)
    assert _reason(documents, PLACE) == "unreadable"
    before = sorted(secret.parent.iterdir())
    if trap is _link_folder:
        with pytest.raises(ConsoleError) as caught:
            documents.put(PDF)
        assert caught.value.code == "storage_full"
    else:
        assert documents.read(documents.put(PDF).path) == PDF
    assert sorted(secret.parent.iterdir()) == before


@pytest.mark.parametrize(
    "url",
    ["", "documents", "file:", "file:documents", "file://server/x", "http://h/x", "gs://bucket/x", "file:/a%00b"],
)
def test_only_a_folder_url_is_taken(url: str) -> None:
    """Anything else is a bad profile, named by its variable."""
    with pytest.raises(ConsoleError) as caught:
        Documents(url)
    assert caught.value.detail == {"variable": "CONSOLE_DOCUMENTS_URL", "problem": "documents_form"}


@pytest.mark.skipif(os.name == "nt", reason="POSIX paths")
@pytest.mark.parametrize("url", ["file:/a/b%20c", "file:///a/b%20c", "file://localhost/a/b%20c"])
def test_every_spelling_of_a_folder_url(url: str) -> None:
    """One, three slashes or localhost, percent-encoded."""
    assert Documents(url).root == Path("/a/b c")


def test_what_is_too_big_is_refused(documents: Documents, root: Path) -> None:
    """One byte more than may be read back is not stored at all."""
    with pytest.raises(ConsoleError) as caught:
        documents.put(b"x" * (LARGEST_BYTES + 1))
    assert (caught.value.code, caught.value.detail) == ("provider_answer_unusable", {"reason": "too_large"})
    assert not root.exists()


def test_no_folder_to_be_had_is_said(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "documents").write_text("a file")
    with pytest.raises(ConsoleError) as caught:
        Documents((tmp_path / "documents").as_uri()).put(PDF)
    assert caught.value.code == "storage_full"


FULL = """
import resource, signal, sys
from console.domain.errors import ConsoleError
from console.store.documents import Documents
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    Documents(sys.argv[1]).put(b"x" * 10_000)
except ConsoleError as full:
    print(full.code)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no file size limits here")
def test_a_full_disk_leaves_nothing_behind(documents: Documents, root: Path) -> None:
    """`storage_full`, no half file, no draft."""
    said = subprocess.run([sys.executable, "-c", FULL, root.as_uri()], capture_output=True, text=True, check=True)
    assert said.stdout == "storage_full\n"
    assert not [file for file in root.rglob("*") if file.is_file()]


def test_kill_at_every_line_leaves_no_half_document(tmp_path: Path) -> None:
    """Killed before any line of storing: what has a final name is whole, and the next one can store it."""
    worker = processes.start("kill_at_each_line.py", "documents", tmp_path)
    out, err = worker.communicate(timeout=50)
    assert worker.returncode == 0, err
    assert int(out) > 20
