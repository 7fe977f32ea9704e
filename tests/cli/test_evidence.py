"""Evidence packs at the terminal: `show --pack` writes them, and `audit verify --pack` verifies them without the
database and refuses a changed pack.
"""

import json
import zipfile
from pathlib import Path

from console.sandbox.server import Sandbox
from tests.cli.conftest import Terminal
from tests.cli.paying_terminal import PayingTerminal
from tests.support.desks import make_environment
from tests.support.invented import invent_numbers


def test_the_command_show_writes_a_pack(paying_terminal: PayingTerminal, tmp_path: Path) -> None:
    """With the option `--pack`, `show` writes an evidence pack and adds its path to the answer. Without the option,
    the answer has no path.
    """
    payment = str(paying_terminal.make_booked_payment())
    plain = paying_terminal.json("show", "payment", payment).data
    assert "pack" not in plain
    file = tmp_path / "case.zip"
    shown = paying_terminal.json("show", "payment", payment, "--pack", str(file)).data
    pack = shown.pop("pack")
    assert {name: shown[name] for name in plain if name != "explained"}.keys() == plain.keys()
    assert (pack["file"], pack["bytes"], pack["left_out"]) == (str(file), file.stat().st_size, [])
    assert len(pack["sha256"]) == 64
    verified = paying_terminal.json("audit", "verify", "--pack", str(file)).data
    assert verified["first_bad"] is None
    assert verified["files"] == pack["files"] - 1
    assert verified["rows"] > 0


def test_the_text_of_a_written_pack_has_path_and_hash(paying_terminal: PayingTerminal, tmp_path: Path) -> None:
    """Without `--json`, the answer has the path of the pack and its hash. `audit verify` then says that the pack is
    intact.
    """
    payment, file = str(paying_terminal.make_booked_payment()), tmp_path / "case.zip"
    output = paying_terminal("show", "payment", payment, "--pack", str(file)).out.decode()
    assert str(file) in output
    assert "SHA-256: " in output
    assert "The evidence pack is intact" in paying_terminal("audit", "verify", "--pack", str(file)).out.decode()


def test_several_packs_are_written_into_one_file(paying_terminal: PayingTerminal, tmp_path: Path) -> None:
    """An evidence bundle has the packs of the named records, or of the records of a queue. A verification of the
    bundle also verifies each pack in it. Wrong arguments are refused.
    """
    payment, file = str(paying_terminal.make_booked_payment()), tmp_path / "all.zip"
    other_payment = str(paying_terminal.make_booked_payment("ORD-2"))
    named = [f"payment/{other_payment}", f"payment/{payment}"]
    written = paying_terminal.json("evidence", *named, "--to", str(file)).data
    assert (written["file"], written["packs"], written["left_out"]) == (str(file), 2, [])
    with zipfile.ZipFile(file) as bundle:
        inner = [name for name in bundle.namelist() if name.startswith("packs/")]
    assert inner == [f"packs/payment-{other_payment}.zip", f"packs/payment-{payment}.zip"]
    verified = paying_terminal.json("audit", "verify", "--pack", str(file)).data
    assert (verified["first_bad"], verified["files"] > 10) == (None, True)
    assert paying_terminal.json("replay", str(file)).data["differ"] == []
    output = paying_terminal("evidence", f"payment/{payment}", "--to", str(tmp_path / "one.zip")).out.decode()
    assert "1 evidence pack written" in output
    assert "SHA-256: " in output
    found = paying_terminal.json("evidence", "--find", "ORD-2", "--to", str(tmp_path / "found.zip")).data
    assert found["packs"] == 1
    other = str(tmp_path / "other.zip")
    wrong_words: tuple[list[str], ...] = (
        [],
        ["payment/1", "--queue", "unknown"],
        ["payment"],
        ["payment/1", "--filter", "age:>1d"],
        ["payment/1", "--find", "ORD-2"],
        ["--find", "ORD-2", "--filter", "age:>1d"],
        ["--find", "ORD-2 colour:red"],
        ["--find", "day:2026-11-20 day:2026-11-21"],
        ["--find", "day:2020-01-01"],  # nothing was made on this day
    )
    for wrong in wrong_words:
        assert paying_terminal.json("evidence", *wrong, "--to", other).exit_status_and_code == (2, "usage"), wrong
    assert paying_terminal.json("evidence", "payment/999", "--to", other).exit_status_and_code == (2, "not_found")
    assert paying_terminal.json("evidence", "--queue", "error", "--to", other).exit_status_and_code == (
        2,
        "usage",
    )  # it is empty
    assert not Path(other).exists()


def test_a_file_is_never_replaced(paying_terminal: PayingTerminal, tmp_path: Path) -> None:
    """If the target file of a pack exists, the command exits with 2 and leaves the file unchanged."""
    file = tmp_path / "case.zip"
    file.write_bytes(b"mine")
    ending = paying_terminal.json("show", "payment", str(paying_terminal.make_booked_payment()), "--pack", str(file))
    assert ending.exit_status_and_code == (2, "usage")
    assert file.read_bytes() == b"mine"


def test_a_tampered_pack_fails_its_verification(paying_terminal: PayingTerminal, tmp_path: Path) -> None:
    """The verification of a changed pack exits with 3 and `audit_broken`, and names the changed part. A path
    without a file is wrong input.
    """
    payment, file, other = str(paying_terminal.make_booked_payment()), tmp_path / "case.zip", tmp_path / "other.zip"
    paying_terminal.json("show", "payment", payment, "--pack", str(file))
    with zipfile.ZipFile(file) as pack, zipfile.ZipFile(other, "w") as forged:
        for name in pack.namelist():
            content = pack.read(name)
            forged.writestr(name, content.replace(b"3300", b"9900") if name == "record.json" else content)
    ending = paying_terminal.json("audit", "verify", "--pack", str(other))
    assert ending.exit_status_and_code == (3, "audit_broken")
    assert ending.error["detail"]["part"] == "record.json"
    assert "record.json" in ending.error["message"]
    assert paying_terminal.json("audit", "verify", "--pack", str(tmp_path / "none.zip")).exit_status_and_code == (
        2,
        "usage",
    )


def test_verifying_a_pack_opens_no_database(
    paying_terminal: PayingTerminal, tmp_path: Path, sandbox: Sandbox
) -> None:
    """`audit verify --pack` verifies an evidence pack without opening the database. Without `--pack`, the command
    verifies the audit trail.
    """
    file = tmp_path / "case.zip"
    paying_terminal.json("show", "payment", str(paying_terminal.make_booked_payment()), "--pack", str(file))
    elsewhere = Terminal(make_environment(tmp_path / "elsewhere", sandbox.url))
    assert elsewhere.json("audit", "verify", "--pack", str(file)).data["first_bad"] is None
    assert not (tmp_path / "elsewhere" / "console.db").exists()
    assert set(paying_terminal.json("audit", "verify").data) == {"rows", "first_bad", "first", "last"}


def test_a_pack_of_an_operation_is_written_and_none_of_a_missing_record(
    paying_terminal: PayingTerminal, tmp_path: Path
) -> None:
    """`show` writes an evidence pack also of an operation. For a missing record it writes no file."""
    (number,) = invent_numbers(1, seed=72)
    bought = paying_terminal.json("purchase", number, "--client", "1").data
    made = paying_terminal.json("show", "operation", bought["operation_id"], "--pack", str(tmp_path / "op.zip"))
    assert made.status == 0
    with zipfile.ZipFile(tmp_path / "op.zip") as pack:
        assert json.loads(pack.read("record.json"))["record"]["kind"] == "operation"
    assert paying_terminal.json("show", "order", "99", "--pack", str(tmp_path / "x.zip")).exit_status_and_code == (
        2,
        "not_found",
    )
    assert not (tmp_path / "x.zip").exists()
