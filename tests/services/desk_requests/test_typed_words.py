"""Tests that texts which a person types at a desk in team mode are stored as typed, without white space at the
beginning and the end.
"""

from datetime import timedelta

import pytest

from console.domain.alerts.incidents import IncidentState
from console.domain.bulk.records import ChosenRecord
from console.domain.errors import ConsoleError
from console.domain.payments.records import RefundRequest
from console.domain.payments.refund_reasons import RefundReason
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.recovery.decision_reasons import DecisionReason, StatedReason
from console.sandbox.server import Sandbox
from tests.support.desks import MovedClock
from tests.support.invented import invent_numbers
from tests.support.payment_desks import make_settings, open_payment_desk
from tests.support.places import Place
from tests.support.team_mode import answer_password_prompts, keep_executing_desk_requests, start_team_mode

TYPED_TEXT, STORED_TEXT = '　 please "wait" \\ for\n日本語 😀\t\n', 'please "wait" \\ for\n日本語 😀'
INVISIBLE_CHARACTERS = "\u200b\ufeff\u2060\u200f\u2800\u3164\ue000\U000e007f"
"""Invisible characters that a server doesn't know as white space: among them a byte order mark, a mark of the writing
direction, the fillers of Braille and Hangul, a character for private use and the end of a flag.
"""
ALERT_ID = 77
UNSCALED = "1"
"""Time scale of the desks and workers of these tests. With shorter leases a busy machine would renew the presence of
the worker too late, and the desks would refuse the next command.
"""


@pytest.mark.parametrize(
    ("typed", "ticket"),
    [
        (TYPED_TEXT, " T-1 "),
        (
            f"{INVISIBLE_CHARACTERS}\n{STORED_TEXT} {INVISIBLE_CHARACTERS}",
            f"{INVISIBLE_CHARACTERS}T-1{INVISIBLE_CHARACTERS}",
        ),
    ],
    ids=["white space", "invisible characters"],
)
def test_a_worker_stores_exactly_the_typed_texts(
    place: Place, sandbox: Sandbox, clock: MovedClock, typed: str, ticket: str
) -> None:
    """A worker executes each command that has texts: the database contains exactly the texts that the person typed,
    without white space and invisible characters at both ends.
    """
    extra = {"REFUND_COOLING_OFF_SECONDS": "0", **make_settings(sandbox.url), "TIME_SCALE": UNSCALED}
    start_team_mode(place, "op-a", "lead-b")
    place.sql(
        "INSERT INTO alerts (id, rule_id, subject_kind, subject_id, observed, expected, detected_at)"
        f" VALUES ({ALERT_ID}, 'stuck_saga', 'payment', 1, 'o', 'e', UTC_TIMESTAMP())"
    )
    with (
        place.open_desk(sandbox, clock, person="worker", desk=1, **extra) as worker,
        keep_executing_desk_requests(worker),
        open_payment_desk(place, sandbox, clock, TIME_SCALE=UNSCALED) as scene,
        place.open_desk(sandbox, clock, person="lead-b", desk=3) as checker,
    ):
        desk = scene.console
        desk.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
        scene.money.change_payment_state("paypay", "ORD-1", "paid")
        paid = scene.find_payment("paypay", "ORD-1")
        assert paid is not None
        desk.payments.probe(paid.id)
        desk.recovery.add_note("payment", paid.id, typed)
        desk.recovery.take("payment", paid.id)
        desk.recovery.hand_over("payment", paid.id, typed)
        probed = scene.find_payment("paypay", "ORD-1")
        assert probed is not None
        run = desk.bulk_runs.create_run("note", (ChosenRecord("payment", paid.id, probed.version),), typed)
        desk.bulk_runs.run(run.id)
        assert place.sql("SELECT words, COUNT(*) FROM notes GROUP BY words") == [(STORED_TEXT, 3)]
        incident = desk.incidents.snooze(ALERT_ID, clock.now() + timedelta(hours=1), typed)
        desk.incidents.end_snooze(incident.id)
        desk.incidents.hand_over(incident.id, place.get_account_name("lead-b"), typed)
        desk.incidents.resolve(incident.id, typed)
        desk.incidents.reopen(incident.id, typed)
        assert place.sql("SELECT DISTINCT words FROM incident_steps WHERE words IS NOT NULL") == [(STORED_TEXT,)]
        assert desk.alerts.acknowledge(ALERT_ID, typed).note == STORED_TEXT
        assert checker.incidents.reopen(ALERT_ID, typed).steps[-1].words == STORED_TEXT
        assert place.sql("SELECT acknowledged_by, acknowledged_at, note FROM alerts") == [(None, None, None)]
        checker.read_only_switches.set_switch("atom", True, typed)
        assert place.sql("SELECT reason FROM read_only_switches") == [(STORED_TEXT,)]
        requested_refund = desk.refunds.request(
            RefundRequest(paid.id, "1000", typed, ticket=ticket, reason_code=RefundReason.WRONG_AMOUNT)
        )
        assert (requested_refund.reason, requested_refund.ticket) == (STORED_TEXT, "T-1")
        with answer_password_prompts(place, "lead-b"):
            declined = checker.refunds.reject(requested_refund.id, typed)
        assert declined.declined_because == STORED_TEXT
        requested_refund = desk.refunds.request(RefundRequest(paid.id, "500", "", reason_code=RefundReason.RETURNED))
        assert requested_refund.reason == ""
        desk.refunds.withdraw(requested_refund.id)


def test_a_repeated_call_with_invisible_characters_is_recognised(place: Place, sandbox: Sandbox) -> None:
    """A repeated call with the same request id and the same typed text gets the first answer. This also holds if the
    first call came from a desk of an earlier version, which sent white space around the words unchanged.
    """
    start_team_mode(place, "op-a")
    (number,) = invent_numbers(1, seed=31)
    with (
        place.open_desk(sandbox, person="worker", desk=1, TIME_SCALE=UNSCALED) as worker,
        place.open_desk(sandbox, TIME_SCALE=UNSCALED) as desk,
        keep_executing_desk_requests(worker),
    ):
        check = desk.credit_checks.purchase(PurchaseRequest(number, "1"))
        for request_id, typed in (("mine-1", f"called{INVISIBLE_CHARACTERS}"), ("mine-2", " called\n")):
            first, second = (
                desk.recovery.add_note("credit-check", check.id, typed, request_id=request_id) for _ in range(2)
            )
            assert (first.words, second) == ("called", first)
        sent = place.sql(
            "SELECT JSON_UNQUOTE(JSON_EXTRACT(args, '$[2]')) FROM requests WHERE action = 'note' ORDER BY id"
        )
        assert sent == [("called",), ("called",), (" called\n",), (" called\n",)]
        assert place.sql("SELECT COUNT(*) FROM notes") == [(2,)]


def test_an_incident_may_be_named_by_any_of_its_alerts(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """A person in team mode may name an incident by the id of any of its alerts, like a person who isn't in team
    mode. The stored desk request contains the id of the incident itself, because a database trigger compares it
    with the stored step. The request also contains the newest alert that the person has seen: a newer alert isn't
    resolved with the incident.
    """
    start_team_mode(place, "op-a", "lead-b")
    for number, rule in ((ALERT_ID, "stuck_saga"), (ALERT_ID + 1, "reversed")):
        place.sql(
            "INSERT INTO alerts (id, rule_id, subject_kind, subject_id, observed, expected, detected_at)"
            f" VALUES ({number}, '{rule}', 'payment', 1, 'o', 'e', UTC_TIMESTAMP())"
        )
    with (
        place.open_desk(
            sandbox, clock, person="worker", desk=1, TIME_SCALE=UNSCALED, **make_settings(sandbox.url)
        ) as worker,
        keep_executing_desk_requests(worker),
        open_payment_desk(place, sandbox, clock, TIME_SCALE=UNSCALED) as scene,
        place.open_desk(sandbox, clock, person="lead-b", desk=3, TIME_SCALE=UNSCALED) as colleague,
    ):
        desk = scene.console
        desk.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
        desk.alerts.acknowledge_alerts([ALERT_ID, ALERT_ID + 1], "")
        reopened = colleague.incidents.reopen(ALERT_ID + 1, TYPED_TEXT)
        assert (reopened.id, [step.words for step in reopened.steps]) == (ALERT_ID, [STORED_TEXT])
        assert place.sql("SELECT DISTINCT acknowledged_by FROM alerts") == [(None,)]
        with pytest.raises(ConsoleError) as refused:
            desk.incidents.resolve(ALERT_ID, TYPED_TEXT, ALERT_ID)
        assert refused.value.code == "stale_view"
        assert desk.incidents.resolve(ALERT_ID, TYPED_TEXT, ALERT_ID + 1).state is IncidentState.RESOLVED
        until = clock.now() + timedelta(hours=1)
        assert desk.incidents.snooze(ALERT_ID, until, TYPED_TEXT, ALERT_ID + 1).state is IncidentState.SNOOZED
        assert colleague.incidents.take(ALERT_ID + 1).owner == place.get_account_name("lead-b")
        assert desk.incidents.hand_over(
            ALERT_ID + 1, place.get_account_name("op-a"), TYPED_TEXT
        ).owner == place.get_account_name("op-a")


def test_evidence_of_a_desk_request_is_stored_unchanged(place: Place, sandbox: Sandbox) -> None:
    """The evidence text of a desk request is stored unchanged. The summary of this evidence is the decision reason
    with the person's words; without a reason it is the evidence text itself.
    """
    start_team_mode(place, "op-a")
    given = (
        (TYPED_TEXT, StatedReason(DecisionReason.NOT_LISTED, TYPED_TEXT)),
        (
            f"{INVISIBLE_CHARACTERS}a bill{INVISIBLE_CHARACTERS}",
            StatedReason(DecisionReason.NOT_LISTED, f"{STORED_TEXT}{INVISIBLE_CHARACTERS}"),
        ),
        ("number 7\nis on the bill", None),
        ("[not_listed] by a script", None),
    )
    with (
        place.open_desk(sandbox, person="worker", desk=1, TIME_SCALE=UNSCALED) as worker,
        place.open_desk(sandbox, person="op-a", desk=2, TIME_SCALE=UNSCALED) as maker,
        keep_executing_desk_requests(worker),
    ):
        for number, (proof, reason) in zip(invent_numbers(len(given), seed=8), given, strict=True):
            sandbox.control.add_fault("close_after_charge", call="purchase", number=number)
            with pytest.raises(ConsoleError) as unknown:
                maker.credit_checks.purchase(PurchaseRequest(number, "1"))
            record = unknown.value.detail["record"]
            assert isinstance(record, CreditCheck)
            maker.recovery.resolve("credit-check", record.id, "error", proof, reason=reason)
    summary_by_text = dict(place.sql("SELECT body, summary FROM evidence WHERE source = 'person'"))
    assert summary_by_text == {
        TYPED_TEXT: f"[not_listed] {STORED_TEXT}",
        f"{INVISIBLE_CHARACTERS}a bill{INVISIBLE_CHARACTERS}": f"[not_listed] {STORED_TEXT}",
        "number 7\nis on the bill": "number 7\nis on the bill",
        "[not_listed] by a script": " [not_listed] by a script",
    }
