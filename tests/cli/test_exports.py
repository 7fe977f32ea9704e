"""Lists that the command `export` writes to files: the suffix of the file name decides the format, and the answer
names the file and the number of rows.
"""

import csv
from pathlib import Path

import openpyxl

from tests.cli.conftest import Terminal

CORPORATION_NUMBER = "1180301018771"


def test_a_list_is_exported_and_audited(terminal: Terminal, tmp_path: Path) -> None:
    """`export` writes a list with titles in the language of the command; the audit trail has a sentence about each
    file.
    """
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").status == 0
    sheet, text = tmp_path / "a.xlsx", tmp_path / "a.csv"
    written = terminal.json("export", "lookup", CORPORATION_NUMBER, "--to", str(sheet)).data
    assert written == {"file": str(sheet), "rows": 1, "bytes": sheet.stat().st_size, "notes": []}
    output = terminal(
        "export", "lookup", CORPORATION_NUMBER, "--part", "checks", "--to", str(text), LANGUAGE="ja"
    ).out.decode()
    assert output == f"1 件を {text} に出力しました。\n"
    titles, row = openpyxl.load_workbook(sheet).worksheets[0].values
    assert dict(zip(titles, row, strict=True))["Corporation number"] == CORPORATION_NUMBER
    (exported_row,) = csv.DictReader(text.read_text("utf-8-sig").splitlines())
    assert (exported_row["種類"], exported_row["法人番号"], exported_row["状態"]) == (
        "与信チェック",
        "1 1803 0101 8771",
        "購入済",
    )
    listed = terminal("audit", "list", LANGUAGE="ja").out.decode()
    assert listed.count("法人番号の照会を出力しました（1 件）。") == 2


def test_an_exported_search_names_its_unused_conditions(terminal: Terminal, tmp_path: Path) -> None:
    """The answer of `export search` has a sentence about each word that is no valid condition, in JSON and text."""
    words = ("export", "search", "client:1 amount:abc", "--to")
    problem = "“amount:abc” has no known value. This condition is not used."
    assert terminal.json(*words, str(tmp_path / "a.csv"), LANGUAGE="en").data["notes"] == [problem]
    assert problem in terminal(*words, str(tmp_path / "b.csv"), LANGUAGE="en").out.decode().splitlines()


def test_a_refused_export_writes_no_file(terminal: Terminal, tmp_path: Path) -> None:
    """A refused export exits with 2 and a sentence with the next step, and writes no file."""
    other = terminal.json("export", "alerts", "--to", str(tmp_path / "a.pdf"))
    assert other.exit_status_and_code == (2, "usage")
    assert ".xlsx or .csv" in other.error["message"]
    assert terminal.json("export", "queue", "nonsense", "--to", str(tmp_path / "a.csv")).exit_status_and_code == (
        2,
        "usage",
    )
    assert terminal.json("export", "alerts").exit_status_and_code == (2, "usage")
    runs = ("export", "runs", "paypall", "--to", str(tmp_path / "a.csv"))
    assert terminal.json(*runs).exit_status_and_code == (2, "not_found")
    nobody = Terminal({name: value for name, value in terminal.env.items() if name != "CONSOLE_OPERATOR"})
    assert nobody.json("export", "alerts", "--to", str(tmp_path / "a.csv")).exit_status_and_code == (2, "no_operator")
    assert not list(tmp_path.glob("a.*"))
