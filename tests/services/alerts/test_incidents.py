"""Tests of incidents: alerts with one cause are one incident, which has its alerts, affected records, owner, snooze,
resolution and reopening.
"""

from datetime import timedelta

import pytest

from console.domain.alerts.incidents import Incident, IncidentAction, IncidentState, WakeReason
from console.domain.alerts.provider_subjects import compute_provider_subject_id
from console.domain.payments.records import RefundRequest
from console.services.alerts import causes
from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.process.context import WORKER, act_as
from console.store.alerts import cases
from console.wording.incident_words import format_affected_record_count
from console.wording.sentences.catalogue import translate
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk
from tests.support.refusals import call_for_refusal, call_for_refusal_code

ONE_DAY = timedelta(days=1)


def get_acting_name(scene: PaymentDesk) -> str:
    """Return the name of the acting person. On a server this is the name of the database account, which differs from
    run to run.
    """
    return str(scene.context.operator)


def run_rules(scene: PaymentDesk, clock: MovedClock, delay: timedelta = timedelta(minutes=10)) -> None:
    """Move the desk's clock by `delay`, shortened like all waits of the desk, and run the alert rules."""
    clock.offset += scene.context.scale.scale_duration(delay)
    with act_as(WORKER):
        AlertRuleEvaluator(scene.context).update_alerts()


def pay_too_little(scene: PaymentDesk, number: str = "ORD-1") -> int:
    """Pay 3,300 yen for the order with the order number `number`, whose total is now 4,400 yen, and return the id
    of the payment. The order stays pending and the payment has a case; after the grace period the order has an
    alert of rule A, which is about pending orders with a paid payment.
    """
    payment = scene.payments.start(scene.insert_order(number, 3300), "paypay").payment.id
    scene.place.sql(f"UPDATE orders SET total_amount = 4400 WHERE merch_txn_id = '{number}'")
    scene.money.change_payment_state("paypay", number, "paid")
    scene.payments.probe(payment)
    return payment


def read_single_incident(scene: PaymentDesk) -> Incident:
    """Return the only open incident."""
    (incident,) = scene.console.incidents.list_incidents()
    return incident


@pytest.mark.engines("sqlite")
def test_alerts_of_an_order_and_its_payment_are_one_incident(scene: PaymentDesk, clock: MovedClock) -> None:
    """The payment's case and the order's alert are one incident, which keeps its id and counts the amount once. The
    incident closes when the facts match; a later case is another incident.
    """
    payment = pay_too_little(scene)
    first = read_single_incident(scene)
    run_rules(scene, clock)
    incident = read_single_incident(scene)
    assert ([one.rule_id for one in incident.alerts], incident.id) == (["not_moved", "A"], first.id)
    assert (incident.main_alert.rule_id, incident.cause.kind) == ("A", "order")
    assert {(one.kind, one.number) for one in incident.records} == {("order", "ORD-1"), ("payment", "ORD-1")}
    assert dict(incident.extent.sums or {}) == {"JPY": 3300}
    assert scene.console.incidents.read_incident(incident.alerts[1].id).id == incident.id
    scene.place.sql("UPDATE orders SET total_amount = 3300 WHERE merch_txn_id = 'ORD-1'")
    scene.payments.set_order_paid(payment)
    run_rules(scene, clock)
    assert scene.console.incidents.list_incidents() == ()
    (closed,) = scene.console.incidents.list_incidents(includes_closed=True)
    assert (closed.id, closed.state, closed.closed_at is not None) == (incident.id, IncidentState.CLOSED, True)
    assert call_for_refusal_code(lambda: scene.console.incidents.take(incident.id)) == "already_decided"
    now = scene.context.now() + timedelta(seconds=1)
    scene.context.write(lambda tx: cases.open_case(tx.conn, "contradicted", "payment", payment, "x", "y", now))
    assert read_single_incident(scene).id not in {one.id for one in incident.alerts}


def test_an_incident_has_one_owner(scene: PaymentDesk, clock: MovedClock) -> None:
    """An incident has one owner, who can take it again. Another person can't take it or give it back, but can hand
    it over to themselves with a note, and then give it back. The refused take has an audit entry, too.
    """
    pay_too_little(scene)
    incidents, id = scene.console.incidents, read_single_incident(scene).id
    assert incidents.take(id, request_id="t-1").owner == get_acting_name(scene)
    assert len(incidents.take(id, request_id="t-1").steps) == len(incidents.take(id).steps) == 1
    with scene.place.open_console_of_person(scene.console, "lead-b") as lead:
        assert call_for_refusal_code(lambda: lead.incidents.take(id)) == "in_progress"
        assert call_for_refusal_code(lambda: lead.incidents.release(id)) == "in_progress"
        assert call_for_refusal_code(lambda: lead.incidents.hand_over(id, "lead-b", " ")) == "usage"
        name = lead.people.read_acting_person().name
        taken_over = lead.incidents.hand_over(id, name, "op-a is ill")
        assert (taken_over.owner, taken_over.steps[-1].words) == (name, "op-a is ill")
        assert lead.incidents.release(id).owner is None
    assert call_for_refusal_code(lambda: incidents.take(999_999)) == "not_found"
    if scene.place.engine != "sqlite":  # without accounts everybody has all roles
        assert call_for_refusal_code(lambda: incidents.hand_over(id, "nobody-here", "x")) == "usage"
    entries = scene.place.sql("SELECT what, result FROM audit_log WHERE subject_kind = 'incident' ORDER BY id")
    assert [what for what, result in entries if result == "done"] == [
        "incident.taken", "incident.handed_over", "incident.released",
    ]  # fmt: skip
    assert ("incident.taken", "refused") in [tuple(row) for row in entries]


@pytest.mark.engines("sqlite")
def test_the_latest_step_counts_despite_a_clock_put_back(scene: PaymentDesk, clock: MovedClock) -> None:
    """The clock is put back by ten minutes between two steps of an incident: the step that was stored later still
    counts as the latest one.
    """
    pay_too_little(scene)
    incidents, id = scene.console.incidents, read_single_incident(scene).id
    clock.offset += timedelta(minutes=10)
    incidents.take(id)
    incidents.snooze(id, scene.context.now() + ONE_DAY)
    clock.offset -= timedelta(minutes=10)
    assert incidents.release(id).owner is None
    assert incidents.end_snooze(id).state is IncidentState.OPEN
    assert [step.position for step in read_single_incident(scene).steps] == [1, 2, 3, 4]


@pytest.mark.engines("sqlite")
def test_an_alert_that_was_not_on_the_screen_is_not_resolved(scene: PaymentDesk) -> None:
    """An alert is added to the incident after the person has read it. The person's resolution or snooze is refused,
    and the incident stays open; after the person has read the new alert, it is resolved."""
    payment = pay_too_little(scene)
    incidents, shown_incident, now = scene.console.incidents, read_single_incident(scene), scene.context.now()
    assert (
        incidents.snooze(shown_incident.id, now + ONE_DAY, "", shown_incident.extent.newest_alert_id).state
        is IncidentState.SNOOZED
    )
    scene.context.write(lambda tx: cases.open_case(tx.conn, "paid_twice", "payment", payment, "x", "y", now))
    newest_alert_id = read_single_incident(scene).extent.newest_alert_id
    for decide in (
        lambda: incidents.resolve(shown_incident.id, "settled", shown_incident.extent.newest_alert_id),
        lambda: incidents.snooze(shown_incident.id, now + ONE_DAY, "later", shown_incident.extent.newest_alert_id),
    ):
        refusal = call_for_refusal(decide)
        changes = {"newest_alert": {"saw": shown_incident.extent.newest_alert_id, "now": newest_alert_id}}
        assert (refusal.code, refusal.detail) == ("stale_view", {"about": "incident", "changed": changes})
    assert read_single_incident(scene).state is IncidentState.OPEN
    assert incidents.resolve(shown_incident.id, "settled", newest_alert_id).state is IncidentState.RESOLVED


@pytest.mark.engines("sqlite")
def test_a_snoozed_incident_opens_at_its_time_or_when_worse(scene: PaymentDesk, clock: MovedClock) -> None:
    """A snoozed incident opens again at its time. A snoozed or resolved incident opens again when it becomes
    worse, by a new alert of the same cause or by more affected money, and when a person opens it; for a resolved
    one the person states a reason. A snooze or resolution changes neither alerts nor records.
    """
    payment = pay_too_little(scene)
    incidents, id = scene.console.incidents, read_single_incident(scene).id
    now = scene.context.now()
    for wrong in (now, now - ONE_DAY, now + 15 * ONE_DAY):
        assert call_for_refusal_code(lambda wrong=wrong: incidents.snooze(id, wrong)) == "usage"  # type: ignore[misc]  # of this turn
    assert incidents.count_waiting_incidents() == 1
    assert incidents.snooze(id, now + timedelta(minutes=2)).state is IncidentState.SNOOZED
    assert incidents.count_waiting_incidents() == 0
    clock.offset += timedelta(minutes=1)
    assert read_single_incident(scene).state is IncidentState.SNOOZED
    clock.offset += timedelta(minutes=1)
    assert (read_single_incident(scene).state, read_single_incident(scene).woken_by) == (
        IncidentState.OPEN,
        WakeReason.TIME,
    )
    incidents.snooze(id, scene.context.now() + ONE_DAY)
    run_rules(scene, clock)  # the order's alert comes beside the payment's
    assert (read_single_incident(scene).state, read_single_incident(scene).woken_by) == (
        IncidentState.OPEN,
        WakeReason.WORSE,
    )
    incidents.snooze(id, scene.context.now() + ONE_DAY, "the shop answers tomorrow")
    assert incidents.end_snooze(id).state is IncidentState.OPEN
    before = scene.place.sql("SELECT id, resolved_at, acknowledged_by FROM alerts ORDER BY id")
    assert call_for_refusal_code(lambda: incidents.resolve(id, "")) == "usage"
    resolved = incidents.resolve(id, "the shop corrects the order tonight")
    assert (resolved.state, resolved.resolution and resolved.resolution.words) == (
        IncidentState.RESOLVED,
        "the shop corrects the order tonight",
    )
    assert scene.place.sql("SELECT id, resolved_at, acknowledged_by FROM alerts ORDER BY id") == before
    assert incidents.reopen(id, "it did not").state is IncidentState.OPEN
    incidents.resolve(id, "again")
    scene.console.refunds.request(RefundRequest(payment, "1000", "too much"))
    assert (read_single_incident(scene).state, read_single_incident(scene).woken_by) == (
        IncidentState.OPEN,
        WakeReason.WORSE,
    )


@pytest.mark.engines("sqlite")
def test_an_acknowledgement_is_withdrawn(scene: PaymentDesk, clock: MovedClock) -> None:
    """A person acknowledges an alert without a note, withdraws the acknowledgement and acknowledges again. Another
    person can't withdraw the acknowledgement.
    """
    pay_too_little(scene)
    (alert,) = read_single_incident(scene).alerts
    desk = scene.console.alerts
    assert (desk.acknowledge(alert.id, "").acknowledged_by, read_single_incident(scene).is_acknowledged) == (
        "op-a",
        True,
    )
    assert scene.console.incidents.count_waiting_incidents() == 0
    with scene.place.open_console_of_person(scene.console, "lead-b") as lead:
        assert call_for_refusal_code(lambda: lead.alerts.undo_acknowledgement(alert.id)) == "already_decided"
    taken_back = desk.undo_acknowledgement(alert.id)
    assert (taken_back.acknowledged_by, taken_back.acknowledged_at, taken_back.note) == (None, None, None)
    assert desk.undo_acknowledgement(alert.id) == taken_back
    assert desk.acknowledge(alert.id, "seen again").note == "seen again"
    assert call_for_refusal_code(lambda: desk.undo_acknowledgement(999_999)) == "not_found"


def test_another_person_reopens_an_acknowledged_incident(scene: PaymentDesk, clock: MovedClock) -> None:
    """A person has acknowledged the alerts of an incident. Another person reopens it and must state a reason, which
    the audit trail and the incident's steps contain. All its acknowledgements end, and the incident waits for a
    person again. A second call does nothing.
    """
    pay_too_little(scene)
    run_rules(scene, clock)
    incident = read_single_incident(scene)
    ids, author = [alert.id for alert in incident.alerts], get_acting_name(scene)
    assert len(ids) == 2
    scene.console.alerts.acknowledge_alerts(ids, "I call the shop")
    assert read_single_incident(scene).is_acknowledged
    with scene.place.open_console_of_person(scene.console, "lead-b") as lead:
        name = lead.people.read_acting_person().name
        assert call_for_refusal_code(lambda: lead.incidents.reopen(incident.id, " ")) == "usage"
        assert read_single_incident(scene).is_acknowledged
        reopened = lead.incidents.reopen(incident.id, " the shop has not been called ", request_id="r-1")
        assert lead.incidents.reopen(incident.id, " the shop has not been called ", request_id="r-1") == reopened
        assert len(lead.incidents.reopen(incident.id, "again").steps) == 1
    step = reopened.steps[-1]
    assert (step.action, step.person, step.words) == (IncidentAction.REOPEN, name, "the shop has not been called")
    assert [(one.acknowledged_by, one.acknowledged_at, one.note) for one in read_single_incident(scene).alerts] == [
        (None,) * 3
    ] * 2
    assert scene.console.incidents.count_waiting_incidents() == 1
    entries = scene.place.sql(
        "SELECT what, who, detail FROM audit_log WHERE what IN ('alert.unacknowledged', 'incident.reopened')"
        " AND result = 'done' ORDER BY id"
    )
    assert [(what, person) for what, person, _ in entries] == [
        ("incident.reopened", name), ("alert.unacknowledged", name), ("alert.unacknowledged", name),
    ]  # fmt: skip
    assert all("the shop has not been called" in detail for _, _, detail in entries)
    assert all(author in detail for _, _, detail in entries[1:])
    assert scene.console.alerts.acknowledge(ids[0], "").acknowledged_by == author


@pytest.mark.engines("sqlite")
def test_long_request_ids_of_an_incident_are_distinguished(scene: PaymentDesk, clock: MovedClock) -> None:
    """Two acknowledgements of an incident have long request ids that differ only at the end. The second one is
    executed, and not answered with the result of the first one. A repetition of the second one is answered.
    """
    pay_too_little(scene)
    run_rules(scene, clock)
    ids = [alert.id for alert in read_single_incident(scene).alerts]
    desk, request_ids = scene.console.alerts, [f"{'w' * 60}-{number}" for number in range(3)]
    desk.acknowledge_alerts(ids, "I call the shop", request_id=request_ids[0])
    desk.undo_acknowledgements(ids, request_id=request_ids[1])
    again = desk.acknowledge_alerts(ids, "I call the shop", request_id=request_ids[2])
    assert read_single_incident(scene).is_acknowledged
    assert desk.acknowledge_alerts(ids, "I call the shop", request_id=request_ids[2]) == again


@pytest.mark.engines("sqlite")
def test_a_reopened_incident_waits_for_a_person(scene: PaymentDesk, clock: MovedClock) -> None:
    """An incident was acknowledged and also snoozed or resolved: after a person reopens it, the incident is open and
    waits for a person.
    """
    pay_too_little(scene)
    incidents, id = scene.console.incidents, read_single_incident(scene).id
    for is_snoozed in (True, False):
        scene.console.alerts.acknowledge(id, "")
        if is_snoozed:
            incidents.snooze(id, scene.context.now() + ONE_DAY)
        else:
            incidents.resolve(id, "the shop was told")
        assert incidents.count_waiting_incidents() == 0
        reopened = incidents.reopen(id, "it was not")
        assert (reopened.state, reopened.is_acknowledged) == (IncidentState.OPEN, False)
        assert incidents.count_waiting_incidents() == 1


@pytest.mark.engines("sqlite")
def test_a_snoozed_incident_is_reopened(scene: PaymentDesk) -> None:
    """Reopening a snoozed incident whose alerts nobody has acknowledged ends its snooze and stores the reason."""
    pay_too_little(scene)
    incidents, id = scene.console.incidents, read_single_incident(scene).id
    incidents.snooze(id, scene.context.now() + ONE_DAY)
    reopened = incidents.reopen(id, "needed today")
    assert (reopened.state, reopened.steps[-1].words) == (IncidentState.OPEN, "needed today")


@pytest.mark.engines("sqlite")
def test_an_incident_of_tasks_keeps_its_id_with_many_alerts(
    scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the alerts about tasks, only the 3 newest and the 3 oldest open ones are read here. While the first alert
    stays open, six newer alerts are raised and closed, and one more is raised. The incident must keep its id and
    its owner."""
    monkeypatch.setattr(causes, "MAX_AFFECTED_RECORDS_PER_CAUSE", 3)
    context = scene.context

    def raise_task_alert(number: int) -> None:
        context.write(
            lambda tx: cases.open_case(tx.conn, "task_late", "task", number, "late", "on time", context.now())
        )

    raise_task_alert(1)
    (first,) = scene.console.incidents.list_incidents()
    scene.console.incidents.take(first.id)
    for number in range(2, 8):
        raise_task_alert(number)
        context.write(lambda tx, number=number: cases.close_cases(tx.conn, "task", number, context.now()))  # type: ignore[misc]
    raise_task_alert(9)
    newest_id = max(alert.id for alert in scene.console.alerts.list_alerts())
    later = scene.console.incidents.read_incident(newest_id)
    assert (later.id, later.owner) == (first.id, scene.context.operator)


@pytest.mark.engines("sqlite")
def test_an_attempt_that_ended_unpaid_is_no_affected_money(scene: PaymentDesk, clock: MovedClock) -> None:
    """An order of 3,300 yen has an expired and a paid payment: the affected amount is 3,300, not 6,600. With only the
    expired payment, the affected amount is the order's own amount.
    """
    scene.place.drop_table_triggers("payments")
    scene.place.drop_table_triggers("orders")
    order = scene.insert_order("ORD-1", 3300)
    scene.payments.start(order, "paypay")
    scene.place.sql(
        "UPDATE payments SET status = 'expired', version = version + 1", "UPDATE orders SET status = 'paid'"
    )
    run_rules(scene, clock)
    (incident,) = scene.console.incidents.list_incidents()
    assert (incident.main_alert.rule_id, dict(incident.extent.sums or {})) == ("B", {"JPY": 3300})
    assert {record.kind: record.amount for record in incident.records}["payment"] is None
    scene.place.sql("UPDATE orders SET status = 'pending'")
    second = scene.payments.start(order, "paypay").payment
    scene.money.change_payment_state("paypay", second.merchant_payment_id, "paid")
    paid = "status = 'completed', captured_minor = 3300, version = version + 1"
    scene.place.sql(f"UPDATE payments SET {paid} WHERE id = {second.id}")
    run_rules(scene, clock)
    (incident,) = scene.console.incidents.list_incidents()
    assert (len(incident.records), dict(incident.extent.sums or {})) == (3, {"JPY": 3300})


@pytest.mark.engines("sqlite")
def test_a_queue_with_records_above_the_age_limit_is_one_incident(scene: PaymentDesk, clock: MovedClock) -> None:
    """A queue whose oldest record is over its age limit is one incident with the count of the records over the limit
    and the sum of their amounts. The incident closes when these records have left the queue.
    """
    scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
    scene.place.sql("UPDATE payments SET certainty = 'unknown', version = version + 1")
    run_rules(scene, clock, 23 * timedelta(hours=1))
    assert [one for one in scene.console.incidents.list_incidents() if one.cause.kind == "queue"] == []
    run_rules(scene, clock, 2 * timedelta(hours=1))
    run_rules(scene, clock)
    (incident,) = [one for one in scene.console.incidents.list_incidents() if one.cause.kind == "queue"]
    assert (len(incident.alerts), dict(incident.extent.sums or {})) == (1, {"JPY": 3300})
    assert incident.main_alert.observed.startswith("queue unknown since ")

    def translate_to_english(key: str, **facts: object) -> str:
        return translate(key, "en", **facts)

    assert format_affected_record_count(incident, translate_to_english) == "1 record"
    scene.place.sql("UPDATE payments SET certainty = 'known', version = version + 1")
    run_rules(scene, clock)
    (closed,) = [one for one in scene.console.incidents.list_incidents(includes_closed=True) if one.id == incident.id]
    assert closed.state is IncidentState.CLOSED


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("kind", ["queue", "provider"])
def test_an_incident_with_unread_records_opens_again_when_a_record_is_added(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """An incident affects four records; two of them are read here, and the others are only counted. After a person
    has resolved the incident, it opens again when one more record comes. It stays resolved while some of its records
    end, although other records with a larger sum of money are then read instead.
    """
    monkeypatch.setattr(causes, "MAX_AFFECTED_RECORDS_PER_CAUSE", 2)
    payments = [
        scene.payments.start(scene.insert_order(f"ORD-{number}", 1000 * number), "paypay").payment.id
        for number in range(1, 6)
    ]
    is_unknown = "UPDATE payments SET certainty = 'unknown', version = version + 1 WHERE id IN ({})"
    scene.place.sql(is_unknown.format(", ".join(map(str, payments[:4]))))
    run_rules(scene, clock, 25 * timedelta(hours=1))
    run_rules(scene, clock)
    if kind == "provider":
        subject_id, now = compute_provider_subject_id("paypay"), scene.context.now()
        scene.context.write(
            lambda tx: cases.open_case(tx.conn, "provider_away", kind, subject_id, "paypay", "answers", now)
        )

    def read_incident() -> Incident:
        return next(one for one in scene.console.incidents.list_incidents() if one.cause.kind == kind)

    incident = read_incident()
    assert (len(incident.records), incident.extent.record_count, incident.extent.is_complete) == (2, 4, False)
    text = format_affected_record_count(incident, lambda key, **facts: translate(key, "en", **facts))
    assert text == "At least 4 records"
    scene.console.incidents.resolve(incident.id, "known for today")
    assert read_incident().state is IncidentState.RESOLVED
    scene.place.sql(f"UPDATE payments SET certainty = 'known', version = version + 1 WHERE id = {payments[0]}")
    assert (read_incident().state, read_incident().extent.record_count) == (IncidentState.RESOLVED, 3)
    scene.place.sql(is_unknown.format(f"{payments[0]}, {payments[4]}"))
    clock.offset += scene.context.scale.scale_duration(25 * timedelta(hours=1))
    assert (read_incident().state, read_incident().woken_by) == (IncidentState.OPEN, WakeReason.WORSE)
    assert scene.console.incidents.count_waiting_incidents() >= 1
