"""Tests of mentions: a mention is stored with its note and listed for the mentioned person, and only that person can
mark it as done.
"""

import pytest

from console.app import Console
from console.domain.annotations.mentions import Mention
from console.domain.bulk.records import ChosenRecord
from console.domain.records import Person
from console.services.process.context import act_as
from tests.support.payment_desks import PaymentDesk
from tests.support.refusals import call_for_refusal_code


def list_open_mentions(console: Console) -> list[tuple[str, str, str]]:
    """Return the kind, words and author of each open mention of the acting person."""
    return [(one.note.kind, one.note.words, one.note.person) for one in console.mentions.list_open_mentions()]


def start_payment(scene: PaymentDesk) -> int:
    """Start a payment and return its id."""
    return scene.payments.start(scene.insert_order("ORD-1", 3_300), "paypay").payment.id


def add_people(scene: PaymentDesk, *more: str) -> None:
    """Add op-a, lead-b and the auditor with their roles, and further operators."""
    for name, roles in (("op-a", "operator"), ("lead-b", "approver"), ("aud", "auditor")):
        scene.place.sql(f"INSERT INTO operators (name, roles, may_buy) VALUES ('{name}', '{roles}', 0)")
    for name in more:
        scene.console.people.add_person(Person(name, frozenset({"operator"}), may_buy=False))


@pytest.mark.engines("sqlite", "mariadb")
def test_a_mention_is_listed_until_it_is_done(scene: PaymentDesk) -> None:
    """If a note or a hand-over mentions a person, only that person sees the mention. Repeated marking as done takes
    effect once.
    """
    console, place = scene.console, scene.place
    if not place.is_server:
        add_people(scene)
    lead, number = place.get_account_name("lead-b"), start_payment(scene)
    console.recovery.add_note(
        "payment", number, f"@{lead} look, @nobody and @{place.get_account_name('op-a')} too", request_id="n"
    )
    console.recovery.add_note(
        "payment", number, f"@{lead} look, @nobody and @{place.get_account_name('op-a')} too", request_id="n"
    )
    console.recovery.take("payment", number)
    assert console.recovery.hand_over("payment", number, f"for @{lead.upper()}")
    console.recovery.add_note("payment", number, f"plain: me@{lead}")
    assert list_open_mentions(console) == []  # nobody mentions themselves
    with place.open_console_of_person(console, "lead-b") as desk:
        newest, first = desk.mentions.list_open_mentions()
        assert (newest.note.words, newest.person) == (f"for @{lead.upper()}", lead)
        assert first.note.words.startswith(f"@{lead} look")
        assert [newest.source, first.source] == ["hand_over", "note"]
        mark = desk.desk_status.read_desk_update(None).feed_mark
        done = desk.mentions.mark_done(first.id, request_id="d-1")
        assert desk.mentions.mark_done(first.id, request_id="d-1") == done == desk.mentions.mark_done(first.id)
        assert done.done_at is not None
        assert ("mention", first.id) in desk.desk_status.read_desk_update(mark).changes
        assert [one.id for one in desk.mentions.list_open_mentions()] == [newest.id]
        assert call_for_refusal_code(lambda: desk.mentions.mark_done(999)) == "not_found"
    assert call_for_refusal_code(lambda: console.mentions.mark_done(newest.id)) == "not_found"  # another person's
    with place.open_console_of_person(console, "lead-b") as desk:
        assert [one.done_at for one in desk.mentions.list_open_mentions()] == [None]


@pytest.mark.engines("sqlite")
def test_only_people_who_write_notes_are_mentioned(scene: PaymentDesk) -> None:
    """Only people who may write notes and are not disabled can be mentioned, and the audit trail has their names. A
    note of a bulk run mentions nobody, and hostile names are plain text.
    """
    console = scene.console
    add_people(scene, "o'brien; DROP TABLE mentions", "%", "op_a")
    number = start_payment(scene)

    def list_mentions_of(name: str) -> list[Mention]:
        with act_as(name):
            return list(console.mentions.list_open_mentions())

    with act_as("op-a"):
        note = console.recovery.add_note("payment", number, "@aud @lead-b @o'brien; DROP TABLE mentions @% @op_a")
        version = console.recovery.read_record("payment", number).record.version  # type: ignore[union-attr]  # a payment
        run = console.bulk_runs.create_run("note", [ChosenRecord("payment", number, version)], "@lead-b all of them")
        console.bulk_runs.run(run.id)
        assert call_for_refusal_code(lambda: console.recovery.add_note("payment", 999, "@lead-b")) == "not_found"
    assert len(console.recovery.read_record("payment", number).notes) == 2  # type: ignore[union-attr]  # a payment
    for name in ("lead-b", "o'brien; DROP TABLE mentions", "%", "op_a"):
        assert [(one.person, one.note.id) for one in list_mentions_of(name)] == [(name, note.id)]
    assert list_mentions_of("aud") == list_mentions_of("op-a") == []
    entry = scene.place.sql("SELECT detail FROM audit_log WHERE what = 'record.note' ORDER BY id LIMIT 1")
    assert '"op_a"' in entry[0][0]
    with act_as("aud"):
        assert call_for_refusal_code(lambda: console.mentions.mark_done(1)) == "not_allowed"
    refused = scene.place.sql("SELECT result FROM audit_log WHERE what = 'mention.done'")
    assert "refused" in str(refused)
    scene.place.sql("UPDATE operators SET disabled_at = '2026-01-01' WHERE name = 'lead-b'")
    with act_as("op-a"):
        console.recovery.add_note("payment", number, "@lead-b has left")
    assert len(scene.place.sql("SELECT id FROM mentions WHERE person = 'lead-b'")) == 1
