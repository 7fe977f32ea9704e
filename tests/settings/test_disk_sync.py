"""Tests that on macOS each file that must survive a power cut is written to the disk itself, not only into the disk's
cache.
"""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from console.settings.disk_sync import sync_file
from console.settings.named_values_file import NamedValuesFile
from console.settings.unfinished_files import open_unfinished_file
from console.store.documents.folder import DocumentFolder

fcntl = pytest.importorskip("fcntl", reason="macOS has fcntl")
FULL_SYNC_COMMAND = 51  # the number of F_FULLFSYNC


def publish_new_file(folder: Path) -> None:
    with open_unfinished_file(folder / "new") as file:
        file.publish()


def store_document(folder: Path) -> None:
    DocumentFolder((folder / "documents").as_uri(), lambda: False).replace("root", b"content")


def sync_existing_file(folder: Path) -> None:
    (folder / "file").touch()
    sync_file(folder / "file")


def write_named_value(folder: Path) -> None:
    NamedValuesFile(folder / "values").change({"name": "value"})


@pytest.fixture(params=[publish_new_file, store_document, sync_existing_file, write_named_value])
def write_file(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Return a function that writes a file as on macOS."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", FULL_SYNC_COMMAND, raising=False)
    return lambda: request.param(tmp_path)


def test_macos_empties_the_cache_of_the_disk(write_file: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def record_call(descriptor: int, command: int) -> int:
        os.fstat(descriptor)
        calls.append(command)
        return 0

    monkeypatch.setattr(fcntl, "fcntl", record_call)
    write_file()
    assert calls
    assert set(calls) == {FULL_SYNC_COMMAND}


def test_a_file_on_a_network_share_of_macos_is_written_by_fsync(
    write_file: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the file system refuses macOS's call that also empties the cache of the disk, as a network share does, the
    file is written by fsync, as on other systems.
    """

    def raise_not_supported(*_: int) -> int:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    synced: list[int] = []
    monkeypatch.setattr(fcntl, "fcntl", raise_not_supported)
    monkeypatch.setattr(os, "fsync", synced.append)
    write_file()
    assert synced
