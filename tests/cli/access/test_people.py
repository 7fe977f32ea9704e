"""The commands about people at the terminal: who is disabled, and by whom and why."""

import sqlite3
from contextlib import closing

from tests.cli.conftest import CommandResult
from tests.cli.paying_terminal import CHECKER, CORPORATION_NUMBER, PayingTerminal

REASON = "パソコンの盗難"
ADMINISTRATOR, SECOND_ADMINISTRATOR = "adm-f", "adm-g"
PERSON = "op-a"
ROLES = {PERSON: "operator", CHECKER: "approver", "lead-c": "approver", "aud-e": "auditor", ADMINISTRATOR: "admin",
         SECOND_ADMINISTRATOR: "admin"}  # fmt: skip


def insert_people(paying_terminal: PayingTerminal) -> None:
    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as owner, owner:
        owner.executemany("INSERT INTO operators (name, roles) VALUES (?, ?)", ROLES.items())


def find_person(answer: CommandResult, name: str = PERSON) -> dict[str, object]:
    (found,) = [person for person in answer.data["people"] if person["name"] == name]
    return dict(found)


def test_a_disabled_person_is_told_who_and_why(paying_terminal: PayingTerminal) -> None:
    """An administrator disables a person: each command of the person ends with the sentence about it. The list shows
    it to everybody. Two administrators enable the person; the first one's answer says that a second one must agree.
    """
    insert_people(paying_terminal)
    disabled = paying_terminal.json("people", "disable", PERSON, "--reason", REASON, OPERATOR=ADMINISTRATOR).data
    assert (disabled["disabled_by"], disabled["reason"], disabled["awaiting"]) == (ADMINISTRATOR, REASON, None)
    assert disabled == find_person(paying_terminal.json("people", "list", OPERATOR=CHECKER))
    for words in (("lookup", CORPORATION_NUMBER), ("purchase", CORPORATION_NUMBER, "--client", "1"), ("whoami",)):
        refused = paying_terminal.json(*words, OPERATOR=PERSON)
        assert refused.exit_status_and_code == (3, "not_allowed"), words
        assert refused.error["detail"]["reason"] == "person_disabled"
        assert ADMINISTRATOR in refused.error["message"]
        assert REASON in refused.error["message"]
    assert paying_terminal.control.count_charges() == 0
    waiting = paying_terminal.json("people", "enable", PERSON, OPERATOR=ADMINISTRATOR).data
    assert (waiting["proposed_by"], waiting["awaiting"]) == (ADMINISTRATOR, "second_person")
    again = paying_terminal.json("people", "enable", PERSON, OPERATOR=ADMINISTRATOR)
    assert again.exit_status_and_code == (3, "same_person")
    enabled = paying_terminal.json("people", "enable", PERSON, OPERATOR=SECOND_ADMINISTRATOR).data
    assert (enabled["disabled_at"], enabled["awaiting"]) == (None, None)
    assert paying_terminal.json("lookup", CORPORATION_NUMBER, OPERATOR=PERSON).status == 0


def test_only_administrators_disable_and_enable(paying_terminal: PayingTerminal) -> None:
    """Nobody but an administrator disables or enables a person, also while everything is read-only, when an
    administrator still can."""
    insert_people(paying_terminal)
    paying_terminal.json("read-only", "on", "--reason", REASON, OPERATOR=CHECKER)
    for person in (PERSON, CHECKER, "aud-e"):
        for words in (("disable", "lead-c", "--reason", REASON), ("enable", "lead-c")):
            refused = paying_terminal.json("people", *words, OPERATOR=person)
            assert refused.exit_status_and_code == (3, "not_allowed"), (person, words)
    own = paying_terminal.json("people", "disable", ADMINISTRATOR, "--reason", REASON, OPERATOR=ADMINISTRATOR)
    assert own.error["detail"]["reason"] == "own_account"
    assert paying_terminal.json("people", "disable", "lead-c", "--reason", REASON, OPERATOR=ADMINISTRATOR).status == 0
    unknown = paying_terminal.json("people", "disable", "nobody", "--reason", REASON, OPERATOR=ADMINISTRATOR)
    assert unknown.exit_status_and_code[1] == "not_found"
