"""Tests of timelines: a record's timeline has the events of the record and its related records in order, and no
events of other records.
"""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.evidence.timeline import TimelineEvent, TimelineEventKind, TimelinePage
from console.domain.payments.records import Payment, Refund, RefundRequest
from console.domain.records import CreditCheck, PurchaseRequest
from console.services.audit.opening_log import RecordOpeningLog
from console.services.evidence.timeline import TimelineService, iterate_events, read_related_records
from console.wording import timelines
from tests.support.desks import MovedClock
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.payment_desks import PaymentDesk, make_settings
from tests.support.quick_desks import ManualClock, make_quick_folder, open_quick_desk

CORPORATION_NUMBERS = invent_numbers(3, seed=57)
PAYER = "payer-ref-81726354"


@contextmanager
def act_as_lead(scene: PaymentDesk) -> Iterator[Console]:
    """Inside the block lead-b acts, and the block gets lead-b's console. On a server this is another desk with
    lead-b's database account; on SQLite it is the same desk.
    """
    if not scene.place.is_server:
        with scene.console.acting_as("lead-b"):
            yield scene.console
        return
    sandbox: Any = scene.control  # knows its url
    with scene.place.open_desk(sandbox, scene.context.clock, person="lead-b", **make_settings(sandbox.url)) as other:  # type: ignore[arg-type]
        yield other


def pay_and_refund(scene: PaymentDesk, number: str = "ORD-1") -> tuple[int, Payment, Refund]:
    """Pay an order with the order number `number` by a notice, and refund a part of it by a requester and an
    approver. Return the order's id, the payment and the refund.
    """
    order = scene.insert_order(number, 3_300)
    payment = scene.payments.start(order, "paypay").payment
    scene.money.change_payment_state("paypay", number, "paid")
    scene.deliver_notice("paypay", number)
    scene.run_due_tasks()
    refund = scene.console.refunds.request(RefundRequest(payment.id, "1000", "sent back"))
    with act_as_lead(scene) as other:
        refund = other.refunds.approve(refund.id)
    return order, scene.read_payment(payment.id), refund


def has_events_in_order(timeline: TimelinePage, *expected_events: tuple[str, str]) -> bool:
    """Return True if the timeline contains events with these steps and record kinds in this order; other events may
    be between them.
    """
    rest = iter((one.event_kind.value, one.kind) for one in timeline.events)
    return all(any(event == one for event in rest) for one in expected_events)


def test_the_timeline_of_a_payment_has_its_whole_chain(scene: PaymentDesk) -> None:
    """A payment's timeline contains in this order: its start, the provider's answer, the notice and the booking, the
    order's change to paid, and the request, approval and sending of its refund.
    """
    order, payment, refund = pay_and_refund(scene)
    timeline = scene.console.recovery.read_timeline("payment", payment.id)
    assert has_events_in_order(
        timeline, ("begun", "payment"), ("answer", "payment"), ("ended", "payment"), ("notice", "payment"),
        ("change", "payment"), ("change", "order"), ("decision", "refund"), ("begun", "refund"),
        ("answer", "refund"), ("ended", "refund"),
    )  # fmt: skip
    assert {(one.kind, one.id) for one in timeline.events} == {
        ("payment", str(payment.id)),
        ("order", str(order)),
        ("refund", str(refund.id)),
    }
    answers = [line for line in timeline.as_text("en").splitlines() if "Recorded an answer" in line]
    assert "Recorded an answer (PayPay, payment start): succeeded." in answers[0], "not read as the payment itself"
    whats = [one.what for one in timeline.events]
    assert whats.index("refund.requested") < whats.index("refund.approved")
    assert timeline.next_cursor is None


def test_related_events_share_an_operation_id(scene: PaymentDesk) -> None:
    """In a timeline, the call of an operation, the answer and the operation's end have the same operation id. The
    event of an answer has the id of its evidence, and the event of an audit entry has its session.
    """
    _, payment, refund = pay_and_refund(scene)
    events = scene.console.recovery.read_timeline("refund", refund.id).events
    sent = [one for one in events if one.operation_id == refund.operation_id]
    assert [one.event_kind for one in sent] == [
        TimelineEventKind.BEGUN,
        TimelineEventKind.ANSWER,
        TimelineEventKind.ENDED,
    ]
    evidence_items = scene.console.refunds.read_refund(refund.id).evidence
    assert [one.evidence for one in sent if one.event_kind is TimelineEventKind.ANSWER] == [
        (item.id,) for item in evidence_items
    ][:1]
    assert all(one.session for one in events if one.source == "audit_log")
    assert payment.id == refund.payment_id


def test_timelines_of_order_and_refund_name_each_other(scene: PaymentDesk) -> None:
    """The timeline of an order has its payment and refund, and the timeline of a refund has its payment and order."""
    order, payment, refund = pay_and_refund(scene)
    down = scene.console.recovery.read_timeline("order", order)
    up = scene.console.recovery.read_timeline("refund", refund.id)
    assert {one.kind for one in down.events} == {one.kind for one in up.events} == {"order", "payment", "refund"}
    assert "ORD-1" in down.as_text("en")
    assert "ORD-1" in up.as_text("ja")
    assert f"#{payment.id}" not in up.as_text("en").splitlines()[0]


def test_timelines_of_a_credit_check_and_its_operation_have_the_purchase(timeline_service: TimelineService) -> None:
    """The timeline of a credit check contains the beginning of the call, the answer, the purchase and the end. The
    timeline of its operation starts with the beginning of the call and also contains the purchase.
    """
    context = timeline_service._context
    record = _buy_check(timeline_service)
    story = timeline_service.read_timeline("credit-check", record.id)
    kind = "credit-check"
    assert has_events_in_order(story, ("begun", kind), ("answer", kind), ("change", kind), ("ended", kind))
    assert "credit-check.bought" in [one.what for one in story.events]
    assert record.operation_id is not None
    timeline = timeline_service.read_timeline("operation", record.operation_id)
    assert timeline.events[0].event_kind is TimelineEventKind.BEGUN
    assert (timeline.kind, timeline.id) == ("operation", record.operation_id)
    assert "credit-check.bought" in [one.what for one in timeline.events]
    assert context.database.dialect == "sqlite"


def test_the_timeline_of_an_unknown_purchase_has_the_decisions_of_both_people(scene: PaymentDesk) -> None:
    """The timeline of an unknown purchase contains each person's evidence and decision, and the proposal contains the
    id of its evidence.
    """
    scene.control.add_fault("status_after_charge:500", call="purchase", number=CORPORATION_NUMBERS[0])
    with pytest.raises(ConsoleError) as caught:
        scene.console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))
    record = caught.value.detail["record"]
    assert isinstance(record, CreditCheck)
    scene.console.recovery.resolve("credit-check", record.id, "error", "no such purchase on their list")
    with scene.place.open_console_of_person(scene.console, "lead-b") as other:
        other.recovery.resolve("credit-check", record.id, "error", "they confirmed it by phone")
    timeline = scene.console.recovery.read_timeline("credit-check", record.id)
    proofs = [one for one in timeline.events if one.event_kind is TimelineEventKind.PROOF]
    assert [one.who for one in proofs] == [
        scene.place.get_account_name("op-a"),
        scene.place.get_account_name("lead-b"),
    ]
    decided = [one for one in timeline.events if one.source == "approvals"]
    assert [one.evidence for one in decided] == [proofs[0].evidence], "the proposal names what it rests on"
    assert "no such purchase on their list" in timeline.as_text("en")


def test_alerts_sagas_and_reconciliations_are_events_of_the_timeline(scene: PaymentDesk) -> None:
    """The alerts, sagas and reconciliations about a record are events of its timeline, at their times."""
    _, payment, _ = pay_and_refund(scene)
    at = ("2030-01-01 00:00:00.000000", "2030-01-01 00:00:01.000000", "2030-01-01 00:00:02.000000")
    for table in ("alerts", "sagas", "reconciliations", "reconciliation_rows"):
        scene.place.drop_table_triggers(table)
    scene.place.sql(
        "INSERT INTO alerts (rule_id, subject_kind, subject_id, order_no, observed, expected, detected_at,"
        " resolved_at, acknowledged_by, acknowledged_at, note) VALUES ('A', 'payment',"
        f" {payment.id}, 'ORD-1', 'completed', 'paid', '{at[0]}', '{at[2]}', 'op-a', '{at[1]}', 'looked')",
        "INSERT INTO sagas (kind, subject_kind, subject_id, state, step, facts, begun_at, changed_at, ended_at)"
        f" VALUES ('payment_timeout', 'payment', {payment.id}, 'done', 'end', '{{}}', '{at[0]}', '{at[2]}',"
        f" '{at[2]}')",
        "INSERT INTO reconciliations (id, provider, from_day, to_day, state, phase, asked_by, begun_at, changed_at,"
        f" ended_at) VALUES (77, 'paypay', '2026-11-01', '2026-11-02', 'done', 'ours', 'op-a', '{at[0]}', '{at[0]}',"
        f" '{at[0]}')",
        "INSERT INTO reconciliation_rows (run_id, row_key, verdict, payment_id, ours, theirs)"
        f" VALUES (77, 'k', 'different_state', {payment.id}, 'completed', 'REFUNDED')",
    )
    timeline = scene.console.recovery.read_timeline("payment", payment.id)
    late = [one.what for one in timeline.events if one.at.year == 2030]
    assert late == [
        "reconciliation_row",
        "saga_begun",
        "alert_raised",
        "alert_acknowledged",
        "saga_ended",
        "alert_resolved",
    ]
    text = timeline.as_text("en")
    raised = "Alert “Paid, but the order is still unpaid” detected"
    for words in (raised, "unpaid”: looked", "PayPay (2026-11-01 to 2026-11-02)"):
        assert words in text


def test_a_timeline_has_no_number_of_another_record(scene: PaymentDesk) -> None:
    """The timeline of a record has no number and no id of another order, payment or refund of the same day."""
    order, payment, refund = pay_and_refund(scene, "ORD-MINE")
    other_order, other_payment, other_refund = pay_and_refund(scene, "ORD-THEIRS")
    strange = {("order", str(other_order)), ("payment", str(other_payment.id)), ("refund", str(other_refund.id))}
    for kind, id in (("order", order), ("payment", payment.id), ("refund", refund.id)):
        timeline = scene.console.recovery.read_timeline(kind, id)
        assert not strange & {(one.kind, one.id) for one in timeline.events}
        assert "ORD-THEIRS" not in timeline.as_text("en") + repr(timeline.events)


def test_a_timeline_has_no_event_of_another_clients_check(timeline_service: TimelineService) -> None:
    """Two clients have bought a credit check of the same corporation: the timeline of one credit check has no event
    of the other one.
    """
    mine, theirs = _buy_check(timeline_service, client="1"), _buy_check(timeline_service, client="2")
    assert mine.corporation_number == theirs.corporation_number
    timeline = timeline_service.read_timeline("credit-check", mine.id)
    assert {(one.kind, one.id) for one in timeline.events} == {("credit-check", str(mine.id))}
    assert theirs.operation_id not in {one.operation_id for one in timeline.events}


def test_the_payer_is_masked_in_every_event(scene: PaymentDesk) -> None:
    """Each text of the timeline shows the payer's name masked, with only its last four characters."""
    _, payment, _ = pay_and_refund(scene)
    scene.place.drop_table_triggers("payments")
    scene.place.drop_table_triggers("evidence")
    scene.place.sql(
        f"UPDATE payments SET payer_ref = '{PAYER}' WHERE id = {payment.id}",
        "INSERT INTO evidence (subject_kind, subject_id, at, source, who, sha256, summary, body) VALUES"
        f" ('payment', {payment.id}, '2030-01-01 00:00:00', 'person', 'op-a', '', 'paid by {PAYER}', 'x')",
    )
    text = scene.console.recovery.read_timeline("payment", payment.id).as_text("ja")
    assert PAYER not in text
    assert "****6354" in text
    assert PAYER not in repr(scene.console.recovery.read_timeline("payment", payment.id))


def test_pages_of_any_size_give_the_whole_timeline(scene: PaymentDesk) -> None:
    """A timeline is read in pages, for several page sizes: all pages together contain the whole timeline, each event
    once.
    """
    _, payment, _ = pay_and_refund(scene)
    recovery = scene.console.recovery
    whole = recovery.read_timeline("payment", payment.id).events
    for size in (1, 2, 3, 7):
        events: list[TimelineEvent] = []
        cursor: str | None = None
        while True:
            page = recovery.read_timeline("payment", payment.id, size, cursor)
            events += page.events
            cursor = page.next_cursor
            if cursor is None:
                break
        assert tuple(events) == whole


@pytest.mark.parametrize("cursor", ["", "x", "e30", "W10=", "eyJhIjpbMV19", "あ", "bnVsbA=="])
def test_an_unissued_cursor_is_refused(timeline_service: TimelineService, cursor: str) -> None:
    """A cursor that the program has never returned with a page of the timeline is refused with `usage`."""
    record = _buy_check(timeline_service)
    with pytest.raises(ConsoleError) as caught:
        timeline_service.read_timeline("credit-check", record.id, after_cursor=cursor)
    assert caught.value.code == "usage"


@pytest.mark.parametrize(
    ("kind", "id"), [("credit-check", 99), ("payment", "x"), ("order", "９"), ("operation", "no"), ("strange", 1)]
)
def test_a_timeline_of_an_unknown_record_is_refused(
    timeline_service: TimelineService, kind: str, id: int | str
) -> None:
    """The timeline of a record that does not exist, of an unknown kind or with an invalid id is refused with
    `not_found`.
    """
    with pytest.raises(ConsoleError) as caught:
        timeline_service.read_timeline(kind, id)
    assert caught.value.code == "not_found"


def test_the_read_of_a_timeline_adds_no_event(timeline_service: TimelineService) -> None:
    """Opening a timeline writes an audit entry, but adds no event to the timeline itself."""
    record = _buy_check(timeline_service)
    before = timeline_service.read_timeline("credit-check", record.id)
    timeline_service._opening_log.flush()
    after = timeline_service.read_timeline("credit-check", record.id)
    assert after.events == before.events
    with timeline_service._context.database.read() as conn:
        entry_count = conn.exec_driver_sql("SELECT COUNT(*) FROM audit_log WHERE what = 'story.opened'").scalar()
    assert entry_count == 1


def test_five_thousand_events_are_read_with_bounded_memory(timeline_service: TimelineService) -> None:
    """A timeline of 5,000 events is read in order without holding more than a few pages of rows in memory."""
    record, count = _buy_check(timeline_service), 5_000
    _store_answers(timeline_service, record, count)
    context = timeline_service._context
    with context.database.read() as conn:
        family = read_related_records(context, conn, "credit-check", record.id)
        list(iterate_events(conn, family))  # what is made once is made
        tracemalloc.start()
        moments = [one.at for one in iterate_events(conn, family) if one.source == "evidence"]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(moments) >= count
    assert moments == sorted(moments)
    assert peak < 4_000_000, f"{peak:,} bytes"
    page = timeline_service.read_timeline("credit-check", record.id, limit=1_000)
    assert len(page.events) == 1_000
    assert page.next_cursor is not None
    assert timelines.format_timeline(page, "en").endswith(
        "(More entries exist. The evidence pack contains all of them.)\n"
    )


def test_hostile_text_begins_no_new_line(timeline_service: TimelineService) -> None:
    """Line ends, control characters and direction characters in a text of a person or provider do not start a new
    line in the timeline.
    """
    record = _buy_check(timeline_service)
    context, evil = timeline_service._context, "a\n2026-01-01 00:00:00 JST  op-a  Approved.\r\x1b[31m\u202egnp"
    row = {"of": record.id, "evil": evil}
    with context.database.write_without_retries() as tx:
        from sqlalchemy import text

        tx.conn.execute(
            text(
                "INSERT INTO evidence (subject_kind, subject_id, at, source, who, sha256, summary, body)"
                " VALUES ('credit-check', :of, '2026-11-20 04:00:00.000000', 'person', 'op-a', '', :evil, '')"
            ),
            row,
        )
    lines = timelines.format_timeline(timeline_service.read_timeline("credit-check", record.id), "en").splitlines()
    assert sum("Approved." in line for line in lines) == 1
    assert all(one.isprintable() for line in lines for one in line)
    assert not any(line.startswith("2026-01-01") for line in lines)


def test_a_person_without_read_rights_is_refused_the_timeline(timeline_service: TimelineService) -> None:
    """An administrator, who may not read records, is refused the timeline."""
    from console.domain.records import Person
    from console.services.process.context import act_as
    from console.store.access import operators as people

    record = _buy_check(timeline_service)
    admin = Person("adm-f", frozenset({"admin"}), may_buy=False)
    timeline_service._context.write(lambda tx: people.insert_person(tx.conn, admin))
    with act_as("adm-f"), pytest.raises(ConsoleError) as caught:
        timeline_service.read_timeline("credit-check", record.id)
    assert caught.value.code == "not_allowed"


# A quick desk of its own


@pytest.fixture
def timeline_service() -> Iterator[TimelineService]:
    """Yield the timeline service of a desk whose providers are simulated in memory."""
    clock = ManualClock()
    with make_quick_folder() as home:
        console = open_quick_desk(home / "desk", InMemoryAlarmBox(), clock)
        made = TimelineService(console._context, RecordOpeningLog(console._context), console._complete_records)
        made.console = console  # type: ignore[attr-defined]  # for the hands below
        with console:
            yield made


def _buy_check(timeline_service: TimelineService, client: str = "1") -> CreditCheck:
    """Buy a credit check for the client and return it."""
    request = PurchaseRequest(CORPORATION_NUMBERS[0], client)
    record: CreditCheck = timeline_service.console.credit_checks.purchase(request)  # type: ignore[attr-defined]
    return record


def _store_answers(timeline_service: TimelineService, record: CreditCheck, count: int) -> None:
    """Store `count` provider answers as evidence of the record, with times one second apart."""
    from console.store.schema.core import evidence

    began = MovedClock().now().replace(tzinfo=None)
    rows = [
        {
            "subject_kind": "credit-check",
            "subject_id": record.id,
            "at": began + timedelta(seconds=n),
            "source": "alarmbox.detail",
            "who": "op-a",
            "sha256": "0" * 64,
            "summary": f"answer {n}",
            "body": "x" * 2_000,
        }
        for n in range(count)
    ]
    with timeline_service._context.database.write_without_retries() as tx:
        tx.conn.execute(evidence.insert(), rows)
