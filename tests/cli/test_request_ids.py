"""The option `--request-id` at the terminal: a repeated command prints the first answer again, identical except for
the mark `duplicate`.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import CommandResult
from tests.cli.paying_terminal import CHECKER, CORPORATION_NUMBER, MAKER, PayingTerminal
from tests.support.desks import CORPORATION_NUMBERS

REQUEST_ID_ARGUMENTS = ("--request-id", "R-1")
CommandWords = tuple[str, ...]


def buy_check(paying_terminal: PayingTerminal, number: str = CORPORATION_NUMBERS[1]) -> str:
    return str(paying_terminal.json("purchase", number, "--client", "1").data["id"])


def make_unknown_purchase(paying_terminal: PayingTerminal) -> str:
    """Make a purchase with an unknown outcome and return its id."""
    paying_terminal.control.add_fault("close_after_charge", call="purchase", number=CORPORATION_NUMBERS[1])
    return str(
        paying_terminal.json("purchase", CORPORATION_NUMBERS[1], "--client", "1").error["detail"]["record"]["id"]
    )


def request_refund(paying_terminal: PayingTerminal) -> str:
    return str(paying_terminal.request_refund(paying_terminal.make_booked_payment()).data["id"])


def make_open_alert(paying_terminal: PayingTerminal) -> str:
    """Insert an open alert and return its id."""
    paying_terminal.json("lookup", CORPORATION_NUMBER)
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as database, database:
        database.execute(
            "INSERT INTO alerts (rule_id, subject_kind, subject_id, observed, expected, detected_at)"
            " VALUES ('A', 'order', 1, 'x', 'y', '2026-11-20 03:00:00')"
        )
    return "1"


def write_people_file(paying_terminal: PayingTerminal) -> str:
    file = paying_terminal.home / "people.json"
    file.write_text(json.dumps({"operators": [{"name": "op-z", "roles": ["operator"], "may_buy": True}]}))
    return str(file)


PERSON_AND_WORDS_BY_COMMAND: dict[str, tuple[str, Callable[[PayingTerminal], CommandWords]]] = {
    "purchase": (
        MAKER,
        lambda _: ("purchase", CORPORATION_NUMBER, "--client", "1", "--reason", "1", "--comment", "x"),
    ),
    "refetch": (MAKER, lambda paying_terminal: ("refetch", buy_check(paying_terminal))),
    "probe": (MAKER, lambda paying_terminal: ("probe", "credit-check", buy_check(paying_terminal))),
    "resolve": (
        MAKER,
        lambda paying_terminal: (
            "resolve",
            "credit-check",
            make_unknown_purchase(paying_terminal),
            "--as",
            "error",
            "--evidence",
            "no",
        ),
    ),
    "import": (
        MAKER,
        lambda paying_terminal: ("payment", "import", "paypay", _register_known_order(paying_terminal)),
    ),
    "request": (
        MAKER,
        lambda paying_terminal: (
            "refund",
            "request",
            str(paying_terminal.make_booked_payment()),
            "--amount",
            "1000",
            "--reason",
            "x",
        ),
    ),
    "approve": (CHECKER, lambda paying_terminal: ("refund", "approve", request_refund(paying_terminal))),
    "reject": (
        CHECKER,
        lambda paying_terminal: ("refund", "reject", request_refund(paying_terminal), "--reason", "x"),
    ),
    "withdraw": (MAKER, lambda paying_terminal: ("refund", "withdraw", request_refund(paying_terminal))),
    "ack": (MAKER, lambda paying_terminal: ("alerts", "ack", make_open_alert(paying_terminal), "--note", "seen")),
    "reconcile": (MAKER, lambda paying_terminal: ("reconcile", "atom", "--from", "2026-11-01", "--to", "2026-11-02")),
    "export": (MAKER, lambda paying_terminal: ("audit", "export", str(paying_terminal.home / "trail.csv"))),
    "accounts": (MAKER, lambda paying_terminal: ("db", "accounts", "apply", write_people_file(paying_terminal))),
}


def _register_known_order(paying_terminal: PayingTerminal) -> str:
    paying_terminal.money.register_payment("paypay", "ORD-7", 3300)
    return "ORD-7"


def remove_repetition_mark(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer.pop("duplicate") is True
    return answer


@pytest.mark.parametrize("name", list(PERSON_AND_WORDS_BY_COMMAND))
def test_a_repeated_command_answers_as_the_first(paying_terminal: PayingTerminal, name: str) -> None:
    """Each command that changes records, if it is repeated with its request id, returns the first answer; no provider
    is called and no row is written. The same request id with other arguments is refused.
    """
    person, words = PERSON_AND_WORDS_BY_COMMAND[name][0], PERSON_AND_WORDS_BY_COMMAND[name][1](paying_terminal)
    first = paying_terminal.json(*words, *REQUEST_ID_ARGUMENTS, OPERATOR=person)
    assert "duplicate" not in first.data
    before = _count_provider_calls(paying_terminal), _count_rows(paying_terminal)
    again = paying_terminal.json(*words, *REQUEST_ID_ARGUMENTS, OPERATOR=person)
    assert remove_repetition_mark(again.data) == first.data
    assert (_count_provider_calls(paying_terminal), _count_rows(paying_terminal)) == before
    other = paying_terminal.json(*words[:-1], words[-1] + "0", *REQUEST_ID_ARGUMENTS, OPERATOR=person)
    assert other.status in (2, 3), other
    assert paying_terminal.json(
        "probe", "order", "1", *REQUEST_ID_ARGUMENTS, OPERATOR=person
    ).exit_status_and_code == (
        3,
        "possible_repeat",
    )
    sentence = paying_terminal(*words, *REQUEST_ID_ARGUMENTS, OPERATOR=person, LANGUAGE="en")
    assert "Repeated request R-1" in sentence.out.decode()
    assert sentence.status == 0


def test_a_repeated_request_returns_the_first_refusal(paying_terminal: PayingTerminal) -> None:
    """A repeated request id returns the first refusal with the same exit status, code, sentence and detail."""
    paying_terminal.control.add_fault("status:422", call="purchase", number=CORPORATION_NUMBER)
    words = ("purchase", CORPORATION_NUMBER, "--client", "1", *REQUEST_ID_ARGUMENTS)
    first, again = paying_terminal.json(*words), paying_terminal.json(*words)
    assert first.exit_status_and_code == again.exit_status_and_code == (5, "provider_refused")
    assert again.error["message"] == first.error["message"]
    assert remove_repetition_mark(again.error["detail"]) == first.error["detail"]
    assert paying_terminal.control.count_charges(CORPORATION_NUMBER) == 0


@pytest.mark.parametrize("malformed_id", ["", "x" * 65, "a b", "ü", "a/b"])
def test_malformed_request_ids_are_refused(paying_terminal: PayingTerminal, malformed_id: str) -> None:
    """A malformed request id is refused as `usage`, and nothing is sent. This is also so if other arguments are
    wrong.
    """
    for words in (
        ("purchase", CORPORATION_NUMBER, "--client", "1"),
        ("refund", "approve", "no number"),
        ("probe", "order", "9"),
    ):
        ending = paying_terminal.json(*words, f"--request-id={malformed_id}")
        assert ending.exit_status_and_code == (2, "usage")
        assert ending.error["detail"]["problem"] == "request_id"
    assert paying_terminal.control.count_charges(CORPORATION_NUMBER) == 0


def test_commands_that_only_read_take_no_request_id(paying_terminal: PayingTerminal) -> None:
    """A command that changes no record has no option `--request-id`. A dry run with a request id can be repeated."""
    for words in (
        ("lookup", CORPORATION_NUMBER),
        ("queue", "error"),
        ("alerts", "list"),
        ("audit", "verify"),
        ("doctor",),
    ):
        assert paying_terminal.json(*words, *REQUEST_ID_ARGUMENTS).exit_status_and_code == (2, "usage")
    dry = ("reconcile", "atom", "--from", "2026-11-01", "--to", "2026-11-02", "--dry-run")
    assert (
        paying_terminal.json(*dry, *REQUEST_ID_ARGUMENTS).data
        == paying_terminal.json(*dry, *REQUEST_ID_ARGUMENTS).data
    )


def _count_provider_calls(paying_terminal: PayingTerminal) -> int:
    return len(paying_terminal.control.read_requests())


def _count_rows(paying_terminal: PayingTerminal) -> list[tuple[Any, ...]]:
    """Return the number of rows of each table."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as database, database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(table, *database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()) for table in sorted(tables)]


def test_a_repeated_answer_is_one_json_object(paying_terminal: PayingTerminal) -> None:
    """The answer of a repeated command is one JSON object on one line, as every other answer is."""
    words = ("purchase", CORPORATION_NUMBER, "--client", "1", *REQUEST_ID_ARGUMENTS)
    endings: list[CommandResult] = [paying_terminal.json(*words) for _ in range(3)]
    assert [ending.answer["ok"] for ending in endings] == [True] * 3
    assert [ending.data.get("duplicate") for ending in endings] == [None, True, True]
