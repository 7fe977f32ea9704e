"""A personal event informs a person about actions of others and of the program that concern this person. The person's
own actions cause no event.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from console.app import Console
from console.domain.alerts.incidents import (
    AffectedRecord,
    AffectedRecords,
    Cause,
    Incident,
    IncidentAction,
    IncidentExtent,
    IncidentStep,
    compute_incident_status,
    measure_incident_extent,
)
from console.domain.bulk.records import ChosenRecord
from console.domain.notifications.events import PersonalEvent
from console.domain.payments.records import RefundRequest
from console.domain.tasks.records import Alert
from console.services.notifications import personal_events
from console.services.process.context import act_as
from console.store.notifications import personal_events as stored_events
from tests.support.payment_desks import PaymentDesk

EventFacts = tuple[str, str, str, str, str | None]
"""Kind and name of an event, kind and id of its subject, and its number."""


def read_events(desk: Console) -> list[EventFacts]:
    """Return (kind, event name, subject kind, subject id, number) of each event of the acting person of this desk.
    The service gets the same refunds and mentions as from the window. The keys of the events must be different.
    """
    events = desk.notifications.list_events(
        desk.refunds.read_inbox().refunds_to_decide, desk.mentions.list_open_mentions()
    )
    assert len({event.key for event in events}) == len(events)
    return [(one.kind.value, one.event_name, one.subject_kind, one.subject_id, one.number) for one in events]


def pay_order(scene: PaymentDesk, number: str) -> int:
    """Take a payment of the order with this number, and return the id of the paid payment."""
    payment = scene.payments.start(scene.insert_order(number, 3_300), "paypay").payment
    scene.money.change_payment_state("paypay", number, "paid")
    assert scene.payments.probe(payment.id).state == "completed"
    return payment.id


@pytest.mark.engines("sqlite", "mariadb")
def test_requests_notes_and_bulk_runs_notify_the_right_people(scene: PaymentDesk) -> None:
    """A refund request causes an event for its approver, its decision one for its requester, a note one for the
    mentioned person, a hand-over one for the next person, and the end of a bulk run one for the person who created
    it. A withdrawn request, a discarded run and a person's own decision cause no event.
    """
    console, place = scene.console, scene.place
    if not place.is_server:
        for name, role in (("op-a", "operator"), ("lead-b", "approver")):
            place.sql(f"INSERT INTO operators (name, roles, may_buy) VALUES ('{name}', '{role}', 0)")
    first, second, third = (pay_order(scene, f"ORD-{number}") for number in (1, 2, 3))
    approved, rejected, withdrawn = (
        console.refunds.request(RefundRequest(payment, "100", "sent back")) for payment in (first, second, third)
    )
    console.refunds.withdraw(withdrawn.id)
    run = console.bulk_runs.create_run("probe", [ChosenRecord("payment", third, scene.read_payment(third).version)])
    console.bulk_runs.run(run.id)
    discarded = console.bulk_runs.create_run(
        "probe", [ChosenRecord("payment", third, scene.read_payment(third).version)]
    )
    console.bulk_runs.discard(discarded.id)
    run_event = ("bulk_run", "ended", "bulk-run", str(run.id), run.name)
    assert read_events(console) == [run_event]
    console.recovery.add_note("payment", first, f"@{place.get_account_name('lead-b')} look")
    console.recovery.take("payment", second)
    assert console.recovery.hand_over("payment", second, f"for @{place.get_account_name('lead-b')}")
    with place.open_console_of_person(console, "lead-b") as desk:
        assert read_events(desk) == [
            ("approval", "arrived", "refund", str(approved.id), "ORD-1"),
            ("approval", "arrived", "refund", str(rejected.id), "ORD-2"),
            ("hand_over", "note", "payment", str(second), "ORD-2"),
            ("mention", "note", "payment", str(first), "ORD-1"),
        ]
        if not place.is_server:  # on a server, the approval asks the gateway, which this desk does not know
            desk.refunds.approve(approved.id)
        desk.refunds.reject(rejected.id, "not sent back")
        remaining_kinds = [] if not place.is_server else ["approval"]
        assert [fact[0] for fact in read_events(desk)] == [*remaining_kinds, "hand_over", "mention"], (
            "own decisions are no events"
        )
    decisions = [("decision", "rejected", "refund", str(rejected.id), "ORD-2")]
    if not place.is_server:
        decisions.append(("decision", "approved", "refund", str(approved.id), "ORD-1"))
    assert read_events(console) == [*decisions, run_event]


INSERT_ALERT_SQL = (
    "INSERT INTO alerts (rule_id, subject_kind, subject_id, observed, expected, detected_at)"
    " VALUES ('{rule}', 'task', 'probes', '{{}}', '{{}}', '{at}')"
)


@pytest.mark.engines("sqlite")
def test_an_incident_concerns_its_owner_after_changes_by_others(scene: PaymentDesk) -> None:
    """The owner of an incident gets an event after another person has handed the incident over to the owner, and
    after the incident has become worse, until the owner acts on it. The owner's own take is no event, and a colleague
    gets no event.
    """
    console, now = scene.console, scene.context.now
    for name in ("op-a", "lead-b", "op-c"):
        scene.place.sql(f"INSERT INTO operators (name, roles, may_buy) VALUES ('{name}', 'operator', 0)")
    scene.place.sql(INSERT_ALERT_SQL.format(rule="stuck", at="2026-11-20 03:00:00"))
    (incident,) = console.incidents.list_incidents()
    id = str(incident.id)

    def list_events_of_record(name: str) -> list[tuple[str, str]]:
        """Return (kind, action) of the events about the incident that this person gets."""
        with act_as(name):
            return [(kind, act) for kind, act, _, subject, _ in read_events(console) if subject == id]

    with act_as("op-a"):
        console.incidents.take(incident.id)
    assert list_events_of_record("op-a") == []
    with act_as("op-a"):
        console.incidents.hand_over(incident.id, "lead-b", "please")
    assert (list_events_of_record("op-a"), list_events_of_record("lead-b")) == ([], [("hand_over", "incident")])
    scene.place.sql(INSERT_ALERT_SQL.format(rule="late", at=f"{now():%Y-%m-%d %H:%M:%S.%f}"))
    assert list_events_of_record("lead-b") == [("hand_over", "incident"), ("incident", "worse")]
    assert list_events_of_record("op-c") == []
    with act_as("lead-b"):
        console.incidents.resolve(incident.id, "it will pass")
    assert list_events_of_record("lead-b") == [("hand_over", "incident")], "whoever has acted on it knows"


INSERT_PROPOSAL_SQL = (
    "INSERT INTO approvals (subject_kind, subject_id, action, proposed, person, at, closed_at)"
    " VALUES ('payment', '{id}', 'resolve', '{state}', '{person}', '{at}', {closed})"
)


@pytest.mark.engines("sqlite", "mariadb")
def test_a_proposer_is_notified_of_the_end_of_the_proposal(scene: PaymentDesk) -> None:
    """A person's proposal about a record is closed, and the person gets an event with the record's number and present
    state. The event says whether the record has the proposed state, has another state, or waits for a second person
    because another proposal replaced this one."""
    agreed, settled, replaced, waiting = (pay_order(scene, f"ORD-{number}") for number in (1, 2, 3, 4))
    person = scene.place.get_account_name("op-a")
    at = f"{scene.context.now():%Y-%m-%d %H:%M:%S}"
    if not scene.place.is_server:
        scene.place.sql("INSERT INTO operators (name, roles, may_buy) VALUES ('op-a', 'operator', 0)")
    for id, state, closed, proposer in (
        (agreed, "completed", f"'{at}'", person),
        (settled, "payment_failed", f"'{at}'", person),
        (replaced, "completed", f"'{at}'", person),
        (replaced, "payment_failed", "NULL", "lead-b"),
        (waiting, "completed", "NULL", person),
    ):
        scene.place.sql(INSERT_PROPOSAL_SQL.format(id=id, state=state, person=proposer, at=at, closed=closed))
    events = {
        event.subject_id: (event.event_name, event.number, event.record_state)
        for event in scene.console.notifications.list_events()
    }
    assert events == {
        str(agreed): ("confirmed", "ORD-1", "completed"),
        str(settled): ("settled", "ORD-2", "completed"),
        str(replaced): ("replaced", "ORD-3", "completed"),
    }


@pytest.mark.engines("sqlite")
def test_the_decision_about_an_old_request_is_an_event(scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person has more requests and proposals than are listed, and the oldest is decided last: the person gets an
    event about it."""
    ids = [pay_order(scene, f"ORD-{number}") for number in range(4)]
    now = scene.context.now()
    scene.place.sql("INSERT INTO operators (name, roles, may_buy) VALUES ('op-a', 'operator', 0)")
    for name in ("_DECIDED_REFUNDS_QUERY", "_CLOSED_PROPOSALS_QUERY"):
        monkeypatch.setattr(stored_events, name, getattr(stored_events, name).limit(2))
    at = f"{now:%Y-%m-%d %H:%M:%S}"
    for number, id in enumerate(ids):
        closed = f"'{now + timedelta(seconds=-number):%Y-%m-%d %H:%M:%S}'"
        scene.place.sql(INSERT_PROPOSAL_SQL.format(id=id, state="completed", person="op-a", at=at, closed=closed))
    requests = [scene.console.refunds.request(RefundRequest(id, "100", "sent back")).id for id in ids]
    scene.place.drop_table_triggers("refunds")
    for number, id in enumerate(requests):
        decided_at = f"{now - timedelta(seconds=number):%Y-%m-%d %H:%M:%S}"
        scene.place.sql(f"UPDATE refunds SET status = 'rejected', state_since = '{decided_at}' WHERE id = {id}")
    events = [(event.subject_kind, event.subject_id) for event in scene.console.notifications.list_events()]
    assert events == [*(("refund", str(id)) for id in requests[:2]), *(("payment", str(id)) for id in ids[:2])]


def test_each_worsening_of_an_incident_is_an_event() -> None:
    """The owner snoozes an incident, it becomes worse, the owner snoozes it again, and it becomes worse again,
    without a new alert: the second worsening is another event than the first."""
    start = datetime(2026, 11, 20, tzinfo=UTC)
    alert = Alert(7, "provider_away", "provider", 5, None, "paypay", "answers", start)

    def list_events_of_incident(steps: Sequence[IncidentStep], count: int) -> list[PersonalEvent]:
        records = tuple(AffectedRecord("payment", id, None) for id in range(count))
        extent = measure_incident_extent((alert,), AffectedRecords(records))
        status = compute_incident_status(steps, extent, start + timedelta(hours=5), has_open_alert=True)
        incident = Incident(
            7, Cause("provider", 5), status.state, (alert,), tuple(steps), records, extent,
            owner=status.owner, owner_since=status.owner_since, woken_by=status.woken_by,
        )  # fmt: skip
        return list(personal_events._list_incident_events(incident, "op-a"))

    def make_snooze(position: int, count: int) -> IncidentStep:
        at, until = start + timedelta(hours=position), start + timedelta(days=3)
        extent = IncidentExtent(7, count)
        return IncidentStep(7, position, IncidentAction.SNOOZE, "op-a", at, until=until, extent=extent)

    steps = [IncidentStep(7, 1, IncidentAction.TAKE, "op-a", start), make_snooze(2, 10)]
    (first,) = list_events_of_incident(steps, 40)
    steps.append(make_snooze(3, 40))
    assert list_events_of_incident(steps, 40) == []
    (second,) = list_events_of_incident(steps, 50)
    assert first.key != second.key
