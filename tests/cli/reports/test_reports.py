"""`reports figures` and `reports close`: the JSON fields on which programs rely, and the texts in both languages."""

from datetime import datetime
from hashlib import sha256
from pathlib import Path

from console.domain.calendar_days import JST
from console.sandbox.server import Sandbox
from tests.cli.conftest import Terminal
from tests.cli.paying_terminal import PayingTerminal

CORPORATION_NUMBER = "1180301018771"


def test_each_report_has_its_fields_on_a_nearly_empty_desk(terminal: Terminal) -> None:
    """After a single purchase, `reports figures` has every report with all its fields; reports about payments and
    refunds are empty.
    """
    assert (
        terminal.json("purchase", CORPORATION_NUMBER, "--client", "42", "--deal", "2", "--reason", "1", "4").status
        == 0
    )
    data = terminal.json("reports", "figures").data
    assert set(data) == {"read_at", "success", "queue_ages", "refund_funnel", "settlement", "time_to_truth"}
    assert set(data["success"]) == {"from", "to", "providers", "outages"}
    queues = {queue["queue"]: queue for queue in data["queue_ages"]["queues"]}
    assert set(queues) == {"pending", "unknown", "error", "incomplete", "review", "refunds", "disagree"}
    classes = {"hour", "four_hours", "day", "three_days", "older"}
    assert set(queues["pending"]) == {"queue", "undated", "complete", *classes}
    assert (data["refund_funnel"]["currencies"], data["refund_funnel"]["complete"]) == ([], True)
    assert data["settlement"]["series"] == []
    kinds = {kind["kind"]: kind for kind in data["time_to_truth"]["kinds"]}
    assert set(kinds) == {"credit-check", "payment", "refund"}
    seconds = {f"{name}_seconds" for name in ("median", "p90", "longest", "schedule", "oldest_open")}
    assert set(kinds["payment"]) == {"kind", "settled", "late", "open", "complete", *seconds}
    assert kinds["credit-check"]["settled"] == 0, "its own call learnt the outcome"


def test_each_report_has_its_text_in_both_languages(terminal: Terminal) -> None:
    """The text of `reports figures` has the translated title of a report in each language, and contains no wording
    key.
    """
    for language, title in (("ja", "結果が判明するまでの時間"), ("en", "How long outcomes stayed unknown")):
        terminal.env["CONSOLE_LANGUAGE"] = language
        text = terminal("reports", "figures").out.decode()
        assert title in text
        assert "reports." not in text


def test_a_daily_close_has_its_json_file_and_text(tmp_path: Path, sandbox: Sandbox) -> None:
    """The JSON of a daily close has the promised fields, also if the command writes a file. A refused close writes no
    file. The text of a close exists in both languages.
    """
    desk = PayingTerminal(tmp_path / "home", sandbox)
    today = datetime.now(JST).date().isoformat()
    payment = desk.make_booked_payment("ORD-1", 3_300)
    close = ("reports", "close", "--day", today, "--provider", "paypay")
    data = desk.json(*close).data
    assert set(data) == {
        "provider", "day", "final", "open_points", "money", "fees", "unknown", "reconciliation", "first", "changes",
        "moved_reversals", "complete", "read_at",
    }  # fmt: skip
    (money,) = data["money"]
    assert (money["currency"], money["captured"], money["net_minor"]) == ("JPY", {"count": 1, "minor": 3_300}, 3_300)
    assert (data["final"], data["open_points"]) == (False, ["day_running", "not_reconciled"])
    file = tmp_path / "close.pdf"
    written = desk.json(*close, "--out", str(file)).data
    assert (written["file"], written["bytes"], written["first"]) == (str(file), file.stat().st_size, None)
    assert written["sha256"] == sha256(file.read_bytes()).hexdigest()
    refund_id = desk.request_refund(payment).data["id"]
    assert desk.decide_refund("approve", refund_id).status == 0
    assert desk.json("probe", "refund", str(refund_id)).data["state"] == "completed"
    changed = desk.json(*close, "--out", str(tmp_path / "close.xlsx")).data
    (change,) = changed["changes"]
    assert (change["what"], change["before"]["count"], change["after"]) == (
        "refunded",
        0,
        {"count": 1, "minor": 1000},
    )
    for language, words in (("ja", "未確定"), ("en", "Not yet final")):
        text = desk(*close, LANGUAGE=language).out.decode()
        assert words in text
        assert "close." not in text.replace("close.pdf", "")
    refused = (
        (*close, "--out", str(file)),
        (*close, "--out", str(tmp_path / "close.csv")),
        (*close[:3], "2999-01-01", *close[4:]),
        (*close[:3], "9999-12-31", *close[4:]),
        (*close[:3], "yesterday", *close[4:]),
    )
    assert [desk.json(*words).exit_status_and_code for words in refused] == [(2, "usage")] * 5
    assert desk.json(*close[:3], "0001-01-01", *close[4:]).data["day"] == "0001-01-01"
    assert desk.json(*close[:5], "nobody").exit_status_and_code == (2, "not_found")
    assert sorted(path.name for path in tmp_path.glob("close.*")) == ["close.pdf", "close.xlsx"]
