"""Tests of the CSV file of an exported audit trail."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.services.audit.csv_file import write_csv
from console.settings.unfinished_files import UnfinishedFile
from tests.support.refusals import call_for_refusal_code


def publish(draft: UnfinishedFile, _row_count: int, _sha256: str) -> None:
    """Give the file its name without an audit entry."""
    draft.publish()


def test_an_export_that_is_cut_off_leaves_no_file(tmp_path: Path) -> None:
    """An export of the audit trail that fails leaves no file, because a reader would take an incomplete file for
    the whole trail. In a complete file no cell can be read as a formula, and only its owner can read it.
    """

    def yield_row_and_raise() -> Iterator[tuple[str, ...]]:
        yield ("1", "done")
        raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)

    file = tmp_path / "audit.csv"
    with pytest.raises(ConsoleError):
        write_csv(file, [("id", "result")], yield_row_and_raise(), publish)
    assert list(tmp_path.iterdir()) == []
    assert write_csv(file, [("id", "result")], [("1", "=done"), ("2", "終")], publish) == 2
    assert file.read_bytes().decode("utf-8-sig") == "id,result\r\n1,'=done\r\n2,終\r\n"
    assert file.stat().st_mode & 0o077 == 0


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    """A file name with a zero byte is refused with `storage_full`, the error code for a file that can't be
    written.
    """
    assert call_for_refusal_code(lambda: write_csv(tmp_path / "a\0b.csv", [], [], publish)) == ErrorCode.STORAGE_FULL
