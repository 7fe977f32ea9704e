"""Tests of documents in a folder of one person's desk or of a team: the permissions to read, network shares that lack
features, and lost mounts."""

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from console.domain.errors import ConsoleError
from console.settings import disk_sync
from console.store.documents.documents import LARGEST_DOCUMENT_BYTES, Documents
from console.store.documents.folder import DocumentFolder
from tests.store import processes
from tests.support.permissions import remove_permissions
from tests.support.refusals import call_for_refusal
from tests.support.waiting import MAX_WAIT_SECONDS

PDF_BYTES = b"%PDF-1.7 a report %%EOF"
PDF_SHA256 = sha256(PDF_BYTES).hexdigest()
STORED_PATH = f"{PDF_SHA256[:2]}/{PDF_SHA256}.pdf"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "書類 of desk" / "documents"


@pytest.fixture
def documents(root: Path) -> Documents:
    return Documents(root.as_uri())


def _read_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_private_folder_keeps_documents_private(documents: Documents, root: Path, umask: int) -> None:
    """In a folder that the program has created, only the owner may read the documents, with any umask."""
    before = os.umask(umask)
    try:
        documents.store(PDF_BYTES)
    finally:
        os.umask(before)
    assert (_read_mode(root), _read_mode(root / PDF_SHA256[:2]), _read_mode(root / STORED_PATH)) == (
        0o700,
        0o700,
        0o600,
    )


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_group_folder_shares_documents_with_the_team(documents: Documents, root: Path, umask: int) -> None:
    """In a folder that its group may write, the members of the group may read all documents and add documents. Other
    users may not read them."""
    root.mkdir(parents=True)
    team = 54321 if os.geteuid() == 0 else (os.getgroups() or [os.getgid()])[-1]
    os.chown(root, -1, team)
    root.chmod(0o770)
    before = os.umask(umask)
    try:
        documents.store(PDF_BYTES)
    finally:
        os.umask(before)
    assert (_read_mode(root / PDF_SHA256[:2]) & 0o777, _read_mode(root / STORED_PATH)) == (0o770, 0o640)
    assert {(root / STORED_PATH).stat().st_gid, (root / PDF_SHA256[:2]).stat().st_gid} == {team}


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize(("umask", "expected"), [(0o007, 0o2770), (0o077, 0o2700)])
def test_a_service_of_systemd_shares_documents_with_the_team(
    documents: Documents, root: Path, monkeypatch: pytest.MonkeyPatch, umask: int, expected: int
) -> None:
    """The team can use a new subfolder although systemd refuses to the worker's service each change to a mode with
    the set-group-ID bit (`RestrictSUIDSGID`), if the service's `UMask` leaves the group its rights."""
    change_mode = Path.chmod

    def refuse_set_group_id(path: Path, mode: int) -> None:
        if mode & (stat.S_ISUID | stat.S_ISGID):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        change_mode(path, mode)

    root.mkdir(parents=True)
    root.chmod(0o2770)
    monkeypatch.setattr(Path, "chmod", refuse_set_group_id)
    before = os.umask(umask)
    try:
        documents.store(PDF_BYTES)
    finally:
        os.umask(before)
    assert (_read_mode(root / PDF_SHA256[:2]), _read_mode(root / STORED_PATH)) == (expected, 0o640)


def test_a_share_that_refuses_file_modes_stores_documents(
    documents: Documents, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document is stored even if the network share refuses to change the permissions of a file."""
    root.mkdir(parents=True)
    root.chmod(0o770)
    monkeypatch.setattr(Path, "chmod", _make_failing_function(errno.EPERM))
    assert documents.read(documents.store(PDF_BYTES).path) == PDF_BYTES


def _make_failing_function(number: int) -> Callable[..., NoReturn]:
    def raise_error(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return raise_error


def test_a_share_without_hard_links_stores_documents_by_renaming(
    documents: Documents, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a network share supports neither hard links nor syncing a folder, the program renames the temporary file to
    the document's name, and no temporary file remains."""
    monkeypatch.setattr(Path, "hardlink_to", _make_failing_function(errno.ENOTSUP))
    monkeypatch.setattr(disk_sync, "sync_descriptor", _make_failing_function(errno.EINVAL))
    assert documents.read(documents.store(PDF_BYTES).path) == PDF_BYTES
    assert [file.name for file in root.rglob("*") if file.is_file()] == [f"{PDF_SHA256}.pdf"]


def test_a_failed_sync_of_the_folder_refuses_the_document(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If syncing the folder fails because the disk is full, storing is refused. The program ignores only the error of
    a share that can't sync at all."""
    monkeypatch.setattr(disk_sync, "sync_descriptor", _make_failing_function(errno.ENOSPC))
    with pytest.raises(ConsoleError) as caught:
        documents.store(PDF_BYTES)
    assert caught.value.code == "storage_full"


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT])
def test_an_unreachable_file_server_is_reported(
    documents: Documents, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """While the file server can't be reached, reading and storing are refused with `documents_unreachable`, and the
    program renames no document as damaged.
    """
    documents.store(PDF_BYTES)
    monkeypatch.setattr(os, "open", _make_failing_function(number))
    for attempt in (lambda: documents.read(STORED_PATH), lambda: documents.store(PDF_BYTES)):
        with pytest.raises(ConsoleError) as caught:
            attempt()
        assert (caught.value.code, caught.value.detail["reason"]) == ("documents_unreachable", "not_connected")
    monkeypatch.undo()
    assert documents.read(STORED_PATH) == PDF_BYTES


@pytest.mark.parametrize("remaining", ["nothing", "mount point"])
def test_a_lost_mount_refuses_documents(root: Path, remaining: str) -> None:
    """If the database has documents but their folder is missing or empty, a mount is lost. Storing, reading and the
    check of write access are then refused, and nothing is created on the local disk."""
    if remaining == "mount point":
        root.mkdir(parents=True)
    documents = Documents(root.as_uri(), has_documents=lambda: True)
    for attempt in (
        lambda: documents.store(PDF_BYTES),
        lambda: documents.read(STORED_PATH),
        documents.check_writable,
    ):
        with pytest.raises(ConsoleError) as caught:
            attempt()
        assert (caught.value.code, caught.value.exit_status) == ("documents_unreachable", 6)
        assert caught.value.detail["reason"] == "folder_lost"
    assert root.exists() == (remaining == "mount point")
    assert not root.exists() or list(root.iterdir()) == []


def test_a_lost_mount_refuses_documents_until_it_returns(root: Path) -> None:
    """If the network share is lost while the program runs, storing the next document is refused. When the share is
    mounted again, documents are stored and read again."""
    stored: list[str] = []
    documents = Documents(root.as_uri(), has_documents=lambda: bool(stored))
    stored.append(documents.store(PDF_BYTES).path)
    root.rename(root.with_name("away"))
    root.mkdir()
    with pytest.raises(ConsoleError):
        documents.store(PDF_BYTES)
    root.rmdir()
    root.with_name("away").rename(root)
    assert documents.read(documents.store(PDF_BYTES).path) == PDF_BYTES


def test_a_folder_created_by_hand_is_used_after_a_loss(root: Path) -> None:
    """After the documents are lost for good, a person creates one of the subfolders by hand, and the program stores
    documents there again."""
    (root / "00").mkdir(parents=True)
    documents = Documents(root.as_uri(), has_documents=lambda: True)
    assert documents.read(documents.store(PDF_BYTES).path) == PDF_BYTES


@pytest.mark.skipif(os.name == "nt", reason="file identity")
def test_storing_the_same_document_again_leaves_its_file_unchanged(documents: Documents, root: Path) -> None:
    """Storing the same content again leaves the existing file unchanged."""
    documents.store(PDF_BYTES)
    before = (root / STORED_PATH).stat()
    documents.store(PDF_BYTES)
    after = (root / STORED_PATH).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def _replace_file_by_link(root: Path, secret: Path) -> None:
    (root / STORED_PATH).unlink()
    (root / STORED_PATH).symlink_to(secret)


def _replace_folder_by_link(root: Path, secret: Path) -> None:
    (root / STORED_PATH).rename(secret.parent / f"{PDF_SHA256}.pdf")
    (root / PDF_SHA256[:2]).rmdir()
    (root / PDF_SHA256[:2]).symlink_to(secret.parent)


def _replace_file_by_folder(root: Path, secret: Path) -> None:
    (root / STORED_PATH).unlink()
    (root / STORED_PATH).mkdir()


def _replace_file_by_pipe(root: Path, secret: Path) -> None:
    (root / STORED_PATH).unlink()
    os.mkfifo(root / STORED_PATH)


@pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
@pytest.mark.parametrize(
    "make_obstacle", [_replace_file_by_link, _replace_folder_by_link, _replace_file_by_folder, _replace_file_by_pipe]
)
def test_a_link_folder_or_pipe_in_place_of_a_document_is_not_used(
    documents: Documents, root: Path, tmp_path: Path, make_obstacle: Callable[[Path, Path], None]
) -> None:
    """A symbolic link, a folder or a pipe in place of a document is not read, and nothing is written through it. The
    next call that stores the document replaces it. If the subfolder is replaced by a link, storing is refused with
    `storage_full`."""
    documents.store(PDF_BYTES)
    secret = tmp_path / "elsewhere" / "secret"
    secret.parent.mkdir()
    secret.write_bytes(PDF_BYTES)
    make_obstacle(root, secret)
    refused = call_for_refusal(lambda: documents.read(STORED_PATH))
    assert (refused.code, refused.detail["reason"]) == ("not_found", "unreadable")
    before = sorted(secret.parent.iterdir())
    if make_obstacle is _replace_folder_by_link:
        with pytest.raises(ConsoleError) as caught:
            documents.store(PDF_BYTES)
        assert caught.value.code == "storage_full"
    else:
        assert documents.read(documents.store(PDF_BYTES).path) == PDF_BYTES
    assert sorted(secret.parent.iterdir()) == before


@pytest.mark.skipif(os.name == "nt", reason="modes mean nothing there")
def test_documents_below_an_unreadable_folder_are_not_listed_as_none(documents: Documents, root: Path) -> None:
    """If a folder above the documents can't be read, the list of documents is an error instead of an empty list."""
    documents.store(PDF_BYTES)
    folder = DocumentFolder(root.as_uri(), lambda: True)
    with remove_permissions(root.parent), pytest.raises(ConsoleError) as refused:
        list(folder.list_all_paths())
    assert refused.value.code == "storage_full"


def test_a_junction_in_place_of_a_folder_is_not_used(
    documents: Documents, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows each account may create a junction, which leads to another folder and isn't a symbolic link. A
    document below one is neither read, listed nor stored.
    """
    documents.store(PDF_BYTES)
    read_status = Path.lstat

    def read_windows_status(path: Path) -> SimpleNamespace:
        status = read_status(path)
        tag = 0xA0000003 if path == root / PDF_SHA256[:2] else 0
        return SimpleNamespace(st_mode=status.st_mode, st_size=status.st_size, st_reparse_tag=tag)

    folder = DocumentFolder(root.as_uri(), lambda: True)
    assert list(folder.list_all_paths()) == [STORED_PATH]
    monkeypatch.setattr(Path, "lstat", read_windows_status)
    assert list(folder.list_all_paths()) == []
    refused = call_for_refusal(lambda: documents.read(STORED_PATH))
    assert (refused.code, refused.detail["reason"]) == ("not_found", "unreadable")
    assert call_for_refusal(lambda: documents.store(PDF_BYTES)).code == "storage_full"


@pytest.mark.skipif(os.name == "nt", reason="POSIX paths")
@pytest.mark.parametrize("url", ["file:/a/b%20c", "file:///a/b%20c", "file://localhost/a/b%20c"])
def test_every_spelling_of_a_folder_url_is_accepted(url: str) -> None:
    """A folder's URL may have one or three slashes or localhost, and percent-encoded characters."""
    assert DocumentFolder(url, lambda: False).root == Path("/a/b c")


def test_the_largest_document_is_stored_and_read(documents: Documents) -> None:
    """A document of the largest accepted size can be stored and read."""
    content = b"x" * LARGEST_DOCUMENT_BYTES
    assert documents.read(documents.store(content).path) == content


def test_an_impossible_folder_is_reported(tmp_path: Path) -> None:
    """If a file exists under the folder's name, storing and the check of write access are refused with
    `storage_full`.
    """
    (tmp_path / "documents").write_text("a file")
    with pytest.raises(ConsoleError) as caught:
        Documents((tmp_path / "documents").as_uri()).store(PDF_BYTES)
    assert caught.value.code == "storage_full"
    with pytest.raises(ConsoleError) as caught:
        Documents((tmp_path / "documents").as_uri()).check_writable()
    assert caught.value.code == "storage_full"


FULL_DISK_PROGRAM = """
import resource, signal, sys
from console.domain.errors import ConsoleError
from console.store.documents.documents import Documents
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    Documents(sys.argv[1]).store(b"x" * 10_000)
except ConsoleError as full:
    print(full.code)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no file size limits here")
def test_a_full_disk_leaves_nothing_behind(documents: Documents, root: Path) -> None:
    """On a full disk storing a document is refused with `storage_full`, and no file remains."""
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK_PROGRAM, root.as_uri()], capture_output=True, text=True, check=True
    )
    assert result.stdout == "storage_full\n"
    assert not [file for file in root.rglob("*") if file.is_file()]


def test_a_kill_at_any_line_leaves_no_partial_document(tmp_path: Path) -> None:
    """A process that stores a document is killed before each line of the code. Afterwards each file with the name of
    a document is complete, and the next process can store the document."""
    worker = processes.start_script("kill_at_each_line.py", "documents", tmp_path)
    out, err = worker.communicate(timeout=MAX_WAIT_SECONDS)
    assert worker.returncode == 0, err
    assert int(out) > 20
