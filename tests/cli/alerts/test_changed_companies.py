"""A changed company at the terminal: the worker finds the change, the queue lists it, and a person acknowledges
it.
"""

import shutil
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from console.domain.registry.facts import REGISTRY_PUBLISHER
from console.sandbox.registry import changes
from console.sandbox.registry.files import write_difference_file, write_whole_file
from console.sandbox.registry.rows import make_company_row
from console.sandbox.server import Sandbox
from console.store.registry.import_files import import_registry_files
from tests.cli.paying_terminal import PayingTerminal

CORPORATION_NUMBER = "1180301018771"
SUCCESSOR_NUMBER = "8700110005901"
WHOLE_FILE_DAY = date(2026, 11, 17)
DIFFERENCE_DAY = date(2026, 11, 18)


@pytest.fixture
def paying_terminal(tmp_path: Path, sandbox: Sandbox) -> PayingTerminal:
    """Return a terminal on a desk whose worker has compared the corporation registry twice: the second time after a
    published difference that merges a company.
    """
    made = PayingTerminal(tmp_path / "home", sandbox)
    assert made.json("queue", "companies").data == {"queue": "companies", "items": [], "next_cursor": None}
    with closing(sqlite3.connect(made.home / "console.db")) as conn, conn:
        conn.execute(
            "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, credit_check_id, company_name,"
            f" purchased_at, expired_at, result) VALUES (1, '{CORPORATION_NUMBER}', 7, 'x',"
            " '2026-11-01', '2099-01-01', 'ok')"
        )
    company, successor = (
        make_company_row(CORPORATION_NUMBER, "株式会社消える"),
        make_company_row(SUCCESSOR_NUMBER, "株式会社残る"),
    )
    folder = made.home / "registry"
    import_registry_files(
        folder, [write_whole_file(tmp_path, WHOLE_FILE_DAY, 20, 1, first_rows=[company, successor])]
    )
    made.json("worker", "--once")
    merged = changes.merge_company(company, SUCCESSOR_NUMBER, DIFFERENCE_DAY)
    import_registry_files(
        folder, [write_difference_file(tmp_path, DIFFERENCE_DAY, 5, 1, whole_row_count=20, changes=[merged])]
    )
    ran = {run["task"]: run["count"] for run in made.json("worker", "--once").data["ran"]}
    assert ran["company_changes"] == 1
    return made


def test_a_change_is_listed_and_acknowledged(paying_terminal: PayingTerminal) -> None:
    """The queue of changed companies and the list of alerts show the facts before and after the change. Acknowledging
    the change closes the alert.
    """
    (item,) = paying_terminal.json("queue", "companies").data["items"]
    assert (item["kind"], item["id"], item["corporation_number"]) == (
        "corporation",
        CORPORATION_NUMBER,
        CORPORATION_NUMBER,
    )
    assert (item["changed"], item["registry_date"]) == (["closed", "successor"], "2026-11-18")
    assert (item["before"]["closed"], item["before"]["successor"]) == (None, None)
    assert item["after"]["closed"] == {"date": "2026-11-18", "cause": "merger"}
    assert item["after"]["successor"] == SUCCESSOR_NUMBER
    assert [(one["corporation_number"], one["ours"]) for one in item["successors"]] == [(SUCCESSOR_NUMBER, False)]
    back = paying_terminal.json("lookup", SUCCESSOR_NUMBER).data["corporation"]["predecessors"]
    assert [(one["corporation_number"], one["ours"]) for one in back] == [(CORPORATION_NUMBER, True)]
    assert item["next_step"]["command"] == f"support-console alerts ack {item['alert_id']} --note TEXT"
    (alert,) = paying_terminal.json("alerts", "list").data["alerts"]
    assert (alert["rule_id"], alert["corporation_number"], alert["order_no"]) == (
        "corporation_changed",
        CORPORATION_NUMBER,
        None,
    )
    assert "株式会社残る" in alert["why"]
    acknowledged = paying_terminal.json("alerts", "ack", str(alert["id"]), "--note", "asked them").data
    assert acknowledged["resolved_at"] is not None
    assert paying_terminal.json("queue", "companies").data["items"] == []
    assert paying_terminal.json("queue", "companies", "--after", "x").exit_status_and_code == (2, "usage")


def test_changed_companies_have_actions_with_commands(paying_terminal: PayingTerminal) -> None:
    """Each entry of the queue has its actions and their commands. The renewal is allowed only after the credit check
    has expired.
    """
    renewal = f"support-console purchase {CORPORATION_NUMBER} --client 1 --renew"
    (item,) = paying_terminal.json("queue", "companies").data["items"]
    acknowledge, renew, successor = item["actions"]
    assert (acknowledge["action"], acknowledge["command"]) == ("acknowledge", item["next_step"]["command"])
    assert (renew["action"], renew["allowed"], renew["command"]) == ("renew", False, None)
    assert "2099" in renew["reason"]
    assert successor == {
        "action": "open_successor", "allowed": True, "command": f"support-console lookup {SUCCESSOR_NUMBER}",
            "reason": None,
    }  # fmt: skip
    assert renewal not in paying_terminal("queue", "companies").out.decode()
    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as conn, conn:
        conn.execute("UPDATE hansha_alarmbox_credit_checks SET expired_at = '2026-01-01'")
    (item,) = paying_terminal.json("queue", "companies").data["items"]
    assert item["actions"][1] == {"action": "renew", "allowed": True, "command": renewal, "reason": None}
    text = paying_terminal("queue", "companies").out.decode()
    assert all(action["command"] in text for action in item["actions"])
    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as conn, conn:
        conn.execute("DELETE FROM hansha_alarmbox_credit_checks")
    (item,) = paying_terminal.json("queue", "companies").data["items"]
    assert (item["actions"][1]["allowed"], item["actions"][1]["command"]) == (False, None)


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en", "Merged into 株式会社残る (8 7001 1000 5901) on 2026-11-18"), ("ja", "2026-11-18 に合併により解散")],
)
def test_the_text_of_a_changed_company_has_change_and_next_step(
    paying_terminal: PayingTerminal, language: str, expected: str
) -> None:
    """In the text output, the list has one line for the company, and below it the change and the next step."""
    for words in (("queue", "companies"), ("alerts", "list")):
        text = paying_terminal(*words, LANGUAGE=language).out.decode()
        assert expected in text
        assert "1 1803 0101 8771" in text
    assert REGISTRY_PUBLISHER in paying_terminal("queue", "companies", LANGUAGE=language).out.decode()


def test_an_incident_names_the_company(paying_terminal: PayingTerminal, tmp_path: Path) -> None:
    """`incidents show` and the exported list of alerts have the official name after the number of the changed
    company. `incidents show` also has the closure of the company and the publisher of the registry. Without a
    registry only the number is shown.
    """
    (incident,) = paying_terminal.json("incidents", "list").data["incidents"]
    text = paying_terminal("incidents", "show", str(incident["id"])).out.decode()
    assert all(part in text for part in ("1 1803 0101 8771", "株式会社消える", "Closed", REGISTRY_PUBLISHER))
    assert "1 1803 0101 8771 株式会社消える" in paying_terminal("alerts", "list").out.decode()
    listed = tmp_path / "alerts.csv"
    paying_terminal("export", "alerts", "--to", str(listed))
    assert "1 1803 0101 8771 株式会社消える" in listed.read_text(encoding="utf-8-sig")
    shutil.rmtree(paying_terminal.home / "registry")
    assert "株式会社消える" not in paying_terminal("incidents", "show", str(incident["id"])).out.decode()
    assert "1 1803 0101 8771" in paying_terminal("alerts", "list").out.decode()
