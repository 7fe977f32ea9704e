"""The command `mentions`: it lists the notes that mention the acting person, as text and as JSON, and marks a mention
as done.
"""

from unittest import mock

from console.app import open_console
from console.domain.records import Person
from console.settings.settings import Settings
from tests.cli.conftest import Terminal

CORPORATION_NUMBER = "1180301018771"


def test_mentions_are_listed_and_marked_as_done(terminal: Terminal) -> None:
    """`mentions list` has the note that mentions the person, with its record and link; another person's list is
    empty. `mentions done` ends the mention, and a second call changes nothing.
    """
    assert terminal.json("mentions", "list").data == {"mentions": []}
    record = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data
    with mock.patch.dict("os.environ", terminal.env), open_console(Settings.load(terminal.env)) as desk:
        me = desk.people.read_acting_person().name
        for name in (me, "lead-b"):
            desk.people.add_person(Person(name, frozenset({"operator"}), may_buy=True))
        with desk.acting_as("lead-b"):
            desk.recovery.add_note("credit-check", record["id"], f"@{me}: see\nthe file")
    assert terminal.json("mentions", "list", OPERATOR="lead-b").data == {"mentions": []}
    (mention,) = terminal.json("mentions", "list").data["mentions"]
    assert mention.pop("at").endswith("Z")
    link = f"support-console:record/credit-check/{record['id']}"
    assert mention == {
        "id": 1, "person": me, "done_at": None, "how": "note", "kind": "credit-check", "record": record["id"],
        "note": f"@{me}: see\nthe file", "author": "lead-b", "link": link,
    }  # fmt: skip
    text = terminal("mentions", "list").out.decode()
    assert f"@{me}: see the file" in text
    assert "Note" in text
    assert terminal.json("mentions", "done", "1", OPERATOR="lead-b").status == 2
    first = terminal.json("mentions", "done", "1", "--request-id", "m-1").data
    assert first["done_at"] is not None
    assert terminal.json("mentions", "done", "1", "--request-id", "m-1").data == {**first, "duplicate": True}
    assert terminal("mentions", "done", "1").status == 0
    assert terminal.json("mentions", "list").data == {"mentions": []}
    assert terminal.json("mentions", "done", "x").error["code"] == "not_found"
