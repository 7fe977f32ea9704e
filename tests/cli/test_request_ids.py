"""The option `--request-id` at the terminal: a repeated command prints the first answer again, identical except for
the mark `duplicate`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.sandbox.server import Sandbox
from tests.cli.conftest import CommandResult
from tests.cli.paying_terminal import CHECKER, CORPORATION_NUMBER, MAKER, PayingTerminal
from tests.support.desks import CORPORATION_NUMBERS

REQUEST_ID_ARGUMENTS = ("--request-id", "R-1")
CommandWords = tuple[str, ...]


@pytest.fixture
def desk(tmp_path: Path, sandbox: Sandbox) -> PayingTerminal:
    return PayingTerminal(tmp_path / "home", sandbox)


def buy_check(desk: PayingTerminal, number: str = CORPORATION_NUMBERS[1]) -> str:
    return str(desk.json("purchase", number, "--client", "1").data["id"])


def make_unknown_purchase(desk: PayingTerminal) -> str:
    """Make a purchase with an unknown outcome and return its id."""
    desk.control.add_fault("close_after_charge", call="purchase", number=CORPORATION_NUMBERS[1])
    return str(desk.json("purchase", CORPORATION_NUMBERS[1], "--client", "1").error["detail"]["record"]["id"])


def request_refund(desk: PayingTerminal) -> str:
    return str(desk.request_refund(desk.make_booked_payment()).data["id"])


def make_open_alert(desk: PayingTerminal) -> str:
    """Insert an open alert and return its id."""
    desk.json("lookup", CORPORATION_NUMBER)
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(desk.home / "console.db")) as database, database:
        database.execute(
            "INSERT INTO alerts (rule_id, subject_kind, subject_id, observed, expected, detected_at)"
            " VALUES ('A', 'order', 1, 'x', 'y', '2026-11-20 03:00:00')"
        )
    return "1"


def write_people_file(desk: PayingTerminal) -> str:
    file = desk.home / "people.json"
    file.write_text(json.dumps({"operators": [{"name": "op-z", "roles": ["operator"], "may_buy": True}]}))
    return str(file)


PERSON_AND_WORDS_BY_COMMAND: dict[str, tuple[str, Callable[[PayingTerminal], CommandWords]]] = {
    "purchase": (
        MAKER,
        lambda _: ("purchase", CORPORATION_NUMBER, "--client", "1", "--reason", "1", "--comment", "x"),
    ),
    "refetch": (MAKER, lambda desk: ("refetch", buy_check(desk))),
    "probe": (MAKER, lambda desk: ("probe", "credit-check", buy_check(desk))),
    "resolve": (
        MAKER,
        lambda desk: ("resolve", "credit-check", make_unknown_purchase(desk), "--as", "error", "--evidence", "no"),
    ),
    "import": (MAKER, lambda desk: ("payment", "import", "paypay", _register_known_order(desk))),
    "request": (
        MAKER,
        lambda desk: ("refund", "request", str(desk.make_booked_payment()), "--amount", "1000", "--reason", "x"),
    ),
    "approve": (CHECKER, lambda desk: ("refund", "approve", request_refund(desk))),
    "reject": (CHECKER, lambda desk: ("refund", "reject", request_refund(desk), "--reason", "x")),
    "withdraw": (MAKER, lambda desk: ("refund", "withdraw", request_refund(desk))),
    "ack": (MAKER, lambda desk: ("alerts", "ack", make_open_alert(desk), "--note", "seen")),
    "reconcile": (MAKER, lambda desk: ("reconcile", "atom", "--from", "2026-11-01", "--to", "2026-11-02")),
    "export": (MAKER, lambda desk: ("audit", "export", str(desk.home / "trail.csv"))),
    "accounts": (MAKER, lambda desk: ("db", "accounts", "apply", write_people_file(desk))),
}


def _register_known_order(desk: PayingTerminal) -> str:
    desk.money.register_payment("paypay", "ORD-7", 3300)
    return "ORD-7"


def remove_repetition_mark(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer.pop("duplicate") is True
    return answer


@pytest.mark.parametrize("name", list(PERSON_AND_WORDS_BY_COMMAND))
def test_a_repeated_command_answers_as_the_first(desk: PayingTerminal, name: str) -> None:
    """Each command that changes records, if it is repeated with its request id, returns the first answer; no provider
    is called and no row is written. The same request id with other arguments is refused.
    """
    person, words = PERSON_AND_WORDS_BY_COMMAND[name][0], PERSON_AND_WORDS_BY_COMMAND[name][1](desk)
    first = desk.json(*words, *REQUEST_ID_ARGUMENTS, OPERATOR=person)
    assert "duplicate" not in first.data
    before = _count_provider_calls(desk), _count_rows(desk)
    again = desk.json(*words, *REQUEST_ID_ARGUMENTS, OPERATOR=person)
    assert remove_repetition_mark(again.data) == first.data
    assert (_count_provider_calls(desk), _count_rows(desk)) == before
    other = desk.json(*words[:-1], words[-1] + "0", *REQUEST_ID_ARGUMENTS, OPERATOR=person)
    assert other.status in (2, 3), other
    assert desk.json("probe", "order", "1", *REQUEST_ID_ARGUMENTS, OPERATOR=person).exit_status_and_code == (
        3,
        "possible_repeat",
    )
    sentence = desk(*words, *REQUEST_ID_ARGUMENTS, OPERATOR=person, LANGUAGE="en")
    assert "Repeated request R-1" in sentence.out.decode()
    assert sentence.status == 0


def test_a_repeated_request_returns_the_first_refusal(desk: PayingTerminal) -> None:
    """A repeated request id returns the first refusal with the same exit status, code, sentence and detail."""
    desk.control.add_fault("status:422", call="purchase", number=CORPORATION_NUMBER)
    words = ("purchase", CORPORATION_NUMBER, "--client", "1", *REQUEST_ID_ARGUMENTS)
    first, again = desk.json(*words), desk.json(*words)
    assert first.exit_status_and_code == again.exit_status_and_code == (5, "provider_refused")
    assert again.error["message"] == first.error["message"]
    assert remove_repetition_mark(again.error["detail"]) == first.error["detail"]
    assert desk.control.count_charges(CORPORATION_NUMBER) == 0


@pytest.mark.parametrize("malformed_id", ["", "x" * 65, "a b", "ü", "a/b"])
def test_malformed_request_ids_are_refused(desk: PayingTerminal, malformed_id: str) -> None:
    """A malformed request id is refused as `usage`, and nothing is sent. This is also so if other arguments are
    wrong.
    """
    for words in (
        ("purchase", CORPORATION_NUMBER, "--client", "1"),
        ("refund", "approve", "no number"),
        ("probe", "order", "9"),
    ):
        ending = desk.json(*words, f"--request-id={malformed_id}")
        assert ending.exit_status_and_code == (2, "usage")
        assert ending.error["detail"]["problem"] == "request_id"
    assert desk.control.count_charges(CORPORATION_NUMBER) == 0


def test_commands_that_only_read_take_no_request_id(desk: PayingTerminal) -> None:
    """A command that changes no record has no option `--request-id`. A dry run with a request id can be repeated."""
    for words in (
        ("lookup", CORPORATION_NUMBER),
        ("queue", "error"),
        ("alerts", "list"),
        ("audit", "verify"),
        ("doctor",),
    ):
        assert desk.json(*words, *REQUEST_ID_ARGUMENTS).exit_status_and_code == (2, "usage")
    dry = ("reconcile", "atom", "--from", "2026-11-01", "--to", "2026-11-02", "--dry-run")
    assert desk.json(*dry, *REQUEST_ID_ARGUMENTS).data == desk.json(*dry, *REQUEST_ID_ARGUMENTS).data


def _count_provider_calls(desk: PayingTerminal) -> int:
    return len(desk.control.read_requests())


def _count_rows(desk: PayingTerminal) -> list[tuple[Any, ...]]:
    """Return the number of rows of each table."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(desk.home / "console.db")) as database, database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(table, *database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()) for table in sorted(tables)]


def test_a_repeated_answer_is_one_json_object(desk: PayingTerminal) -> None:
    """The answer of a repeated command is one JSON object on one line, as every other answer is."""
    words = ("purchase", CORPORATION_NUMBER, "--client", "1", *REQUEST_ID_ARGUMENTS)
    endings: list[CommandResult] = [desk.json(*words) for _ in range(3)]
    assert [ending.answer["ok"] for ending in endings] == [True] * 3
    assert [ending.data.get("duplicate") for ending in endings] == [None, True, True]
