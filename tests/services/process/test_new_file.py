"""The refusals of a new file name the folder that is missing."""

from pathlib import Path

import pytest

from console.services.process.new_file import open_new_file
from tests.support.refusals import call_for_refusal


def test_a_relative_path_names_the_missing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the folder of a relative path is missing, the refusal is `usage` with its absolute path, as for an absolute
    path, and doesn't speak of space or permissions.
    """
    monkeypatch.chdir(tmp_path)
    refused = call_for_refusal(open_new_file(Path("none/list.csv")).__enter__)
    assert refused.code == "usage"
    assert refused.detail == {"problem": "no_folder", "file": "none/list.csv", "folder": str(tmp_path / "none")}


def test_a_deleted_working_directory_is_no_missing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path in a deleted working directory is refused without the name of a folder."""
    (tmp_path / "deleted").mkdir()
    monkeypatch.chdir(tmp_path / "deleted")
    (tmp_path / "deleted").rmdir()
    refused = call_for_refusal(open_new_file(Path("list.csv")).__enter__)
    assert (refused.code, refused.detail.get("file")) == ("storage_full", "list.csv")
