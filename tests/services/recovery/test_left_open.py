"""Tests of the list of left-open records: records that this person has begun, taken or requested and that are not
ended. It contains no records of other people.
"""

from datetime import UTC, datetime, timedelta

import pytest

from console.domain.bulk.records import ChosenRecord
from console.domain.errors import ConsoleError
from console.domain.payments.records import RefundRequest
from console.domain.person_state.drafts import Draft, list_drafts, parse_draft
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.recovery.left_open import LeftOpen, LeftOpenReason
from console.services.process.context import act_as
from console.services.recovery import left_open
from tests.support.payment_desks import PaymentDesk

CORPORATION_NUMBERS = ("1180301018771", "4000012090001")


def make_unknown_check(scene: PaymentDesk, number: str) -> CreditCheck:
    """Return a credit check of this corporation number with an unknown outcome."""
    scene.control.add_fault("status_after_charge:500", call="purchase", number=number)
    with pytest.raises(ConsoleError) as caught:
        scene.console.credit_checks.purchase(PurchaseRequest(number, "1"))
    record = caught.value.detail["record"]
    assert isinstance(record, CreditCheck)
    return record


def read_facts(items: tuple[LeftOpen, ...]) -> list[tuple[str, str, str, str | None]]:
    """Return the reason, kind, id and link of each item."""
    return [(item.reason.value, item.kind, item.id, item.link) for item in items]


def make_link(kind: str, id: int) -> str:
    """Return the link of the record."""
    return f"support-console:record/{kind}/{id}"


@pytest.mark.engines("sqlite", "mariadb")
def test_left_open_records_are_listed_with_their_reason(scene: PaymentDesk) -> None:
    """The list has the person's unfinished operations, bulk run, taken record, refund request, proposal and draft,
    each with its reason. They are not in another person's list, and ended work leaves the list.
    """
    console, now = scene.console, scene.context.now()
    unknown, other = (make_unknown_check(scene, number) for number in CORPORATION_NUMBERS)
    payment = scene.payments.start(
        scene.insert_order("ORD-1", 3_300, corporation=CORPORATION_NUMBERS[1]), "paypay"
    ).payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    assert scene.payments.probe(payment.id).state == "completed"
    refund = console.refunds.request(RefundRequest(payment.id, "100", "sent back"))
    taken = console.recovery.take("payment", payment.id)
    run = console.bulk_runs.create_run("probe", [ChosenRecord("credit-check", other.id, other.version)])
    console.recovery.resolve("credit-check", unknown.id, "error", "the provider has no such purchase")
    with scene.place.open_console_of_person(console, "lead-b") as desk:
        desk.recovery.take("credit-check", other.id)
        assert read_facts(desk.left_open.list_items()) == [
            ("taken", "credit-check", str(other.id), make_link("credit-check", other.id))
        ]
    draft = Draft("refund", str(payment.id), "Payment", "form", {}, now)
    items = console.left_open.list_items((draft,))
    assert read_facts(items) == [
        ("taken", "payment", str(payment.id), make_link("payment", payment.id)),
        ("operation", "credit-check", str(unknown.id), make_link("credit-check", unknown.id)),
        ("operation", "credit-check", str(other.id), make_link("credit-check", other.id)),
        ("bulk_run", "bulk-run", str(run.id), None),
        ("refund", "refund", str(refund.id), make_link("refund", refund.id)),
        ("proposal", "credit-check", str(unknown.id), make_link("credit-check", unknown.id)),
        ("draft", "payment", str(payment.id), make_link("payment", payment.id)),
    ]
    by_reason = {item.reason: item for item in items}
    assert by_reason[LeftOpenReason.TAKEN].until == taken.until
    assert by_reason[LeftOpenReason.BULK_RUN].name == run.name
    assert by_reason[LeftOpenReason.OPERATION].action == "credit-check.purchase"
    assert [item.wording_key for item in items[2:4]] == ["left_open.operation.unknown", "left_open.bulk_run"]
    first, second = CORPORATION_NUMBERS
    assert [item.corporation_number for item in items] == [second, first, second, None, second, first, second]

    console.recovery.give_up_take("payment", payment.id)
    console.bulk_runs.discard(run.id)
    console.refunds.withdraw(refund.id)
    assert {item.reason for item in console.left_open.list_items()} == {
        LeftOpenReason.OPERATION,
        LeftOpenReason.PROPOSAL,
    }


@pytest.mark.engines("sqlite")
def test_an_owned_incident_is_left_open(scene: PaymentDesk) -> None:
    """An incident that the person owns is in the person's list of left-open records."""
    scene.place.sql(
        "INSERT INTO alerts (rule_id, subject_kind, subject_id, observed, expected, detected_at)"
        " VALUES ('stuck', 'task', 'probes', '{}', '{}', '2026-11-20 03:00:00')"
    )
    (incident,) = scene.console.incidents.list_incidents()
    assert scene.console.left_open.list_items() == ()
    scene.console.incidents.take(incident.id)
    assert read_facts(scene.console.left_open.list_items()) == [
        ("incident", "incident", str(incident.id), f"support-console:incident/{incident.id}")
    ]
    with act_as("lead-b"):
        assert scene.console.left_open.list_items() == ()
    scene.console.incidents.resolve(incident.id, "the clock was wrong")
    assert scene.console.left_open.list_items() == ()


def test_valid_drafts_of_a_stored_file_are_listed() -> None:
    """The list contains the drafts of a person's file, oldest first. It omits drafts that are too old and entries
    that are not drafts of this program.
    """
    now = datetime(2026, 11, 20, 3, tzinfo=UTC)

    def make_draft_entry(kind: str, age: timedelta) -> dict[str, object]:
        value = {"kind": kind, "subject": "5", "title": "Payment 5", "stage": "form", "inputs": {}}
        return {"at": (now - age).isoformat(), "value": value}

    entries = {
        "draft.note-payment.5": make_draft_entry("note-payment", timedelta(hours=1)),
        "draft.refund.5": make_draft_entry("refund", timedelta(hours=2)),
        "draft.reject.5": make_draft_entry("reject", timedelta(hours=25)),
        "draft.purchase.5": {"at": now.isoformat(), "value": {"kind": "purchase"}},
        "screen": {"at": now.isoformat(), "value": {}},
    }
    assert [(draft.kind, draft.record_kind) for draft in list_drafts(entries, now)] == [
        ("refund", "payment"),
        ("note-payment", "payment"),
    ]
    assert parse_draft(None, now) is None
    assert {left_open._make_item_of_draft(draft).kind for draft in list_drafts(entries, now)} == {"payment"}
