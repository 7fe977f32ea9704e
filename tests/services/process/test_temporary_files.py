"""Errors of temporary files name the folder of temporary files, because it may be on another disk than the file that
a person has asked for."""

import os
import tempfile
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.services.process.temporary_files import open_temporary_file, open_temporary_folder
from tests.support.file_size_limit import limit_file_sizes
from tests.support.refusals import call_for_refusal


def test_a_temporary_file_has_the_written_content() -> None:
    """A temporary file is read from its beginning after it was written. A temporary folder exists during its block
    and is deleted afterwards with its files.
    """
    with open_temporary_file() as file:
        file.writelines([b"a" * 100_000, b"b"])
        assert file.seek(0) == 0
        assert file.read() == b"a" * 100_000 + b"b"
    with open_temporary_folder() as folder:
        (folder / "x").write_bytes(b"x")
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit")
def test_a_temporary_file_without_space_names_its_folder() -> None:
    """If a temporary file can't be written, the error is `storage_full` with the folder of temporary files."""
    with pytest.raises(ConsoleError) as refused, limit_file_sizes(100), open_temporary_file() as file:
        file.write(b"x" * 100_000)
    assert refused.value.code == ErrorCode.STORAGE_FULL
    assert refused.value.detail["file"] == tempfile.gettempdir()  # type: ignore[typeddict-item]  # of this error


def test_a_missing_folder_of_temporary_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no temporary file or folder can be created, the error is `storage_full` with the folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "removed"))
    for open_temporary in (open_temporary_file, open_temporary_folder):
        refused = call_for_refusal(lambda open_temporary=open_temporary: open_temporary().__enter__())
        assert (refused.code, refused.detail.get("file")) == (ErrorCode.STORAGE_FULL, str(tmp_path / "removed"))
