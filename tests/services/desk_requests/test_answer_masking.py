"""Answers of desk requests, and the audit trail of incidents, show no payer that the database views of people
mask, also where somebody else has typed the payer's name into a text, or a provider has sent it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import timedelta

from console.app import Console
from console.domain.alerts.incidents import IncidentStep
from console.domain.errors import ConsoleError
from console.domain.payments.records import Refund, RefundRequest
from console.domain.payments.refund_reasons import RefundReason
from console.domain.tasks.records import Alert, Note, ReconciliationDifference
from console.sandbox.server import Sandbox
from console.services.desk_requests.answer_masking import MASKED_FIELDS_BY_CLASS, mask_payers_in_answer
from console.services.guarded.answer_serialization import CallAnswer
from console.services.process import context
from console.store.access import people_views
from console.store.payments.payments import KINDS_WITH_PAYERS
from tests.support.desks import MovedClock
from tests.support.payment_desks import make_settings, open_payment_desk
from tests.support.places import Place, ServerPlace
from tests.support.refusals import call_for_refusal
from tests.support.team_mode import answer_password_prompts, keep_executing_desk_requests, start_team_mode
from tests.support.teams import apply_accounts

PAYER = "yamada-taro-long-payer-reference"
MASKED_PAYER = "****ence"
ALERT_ID = 77


@dataclass(frozen=True, slots=True)
class _Team:
    """The desk of an operator (`desk`), a worker, and the paid payment of PAYER with its alert ALERT_ID."""

    desk: Console
    worker: Console
    payment_id: int


@contextmanager
def _open_team(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[_Team]:
    extra = {"REFUND_COOLING_OFF_SECONDS": "0", **make_settings(sandbox.url)}
    with (
        place.open_desk(sandbox, clock, person="worker", desk=1, **extra) as worker,
        keep_executing_desk_requests(worker),
        open_payment_desk(place, sandbox, clock) as scene,
    ):
        scene.console.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
        scene.money.change_payment_state("paypay", "ORD-1", "paid")
        payment = scene.find_payment("paypay", "ORD-1")
        assert payment is not None
        scene.console.payments.probe(payment.id)
        place.sql(f"UPDATE payments SET payer_ref = '{PAYER}' WHERE id = {payment.id}")
        place.sql(
            "INSERT INTO alerts (id, rule_id, subject_kind, subject_id, observed, expected, detected_at)"
            f" VALUES ({ALERT_ID}, 'stuck_saga', 'payment', {payment.id}, 'paid by {PAYER}', 'e', UTC_TIMESTAMP())"
        )
        yield _Team(scene.console, worker, payment.id)


def test_answers_mask_the_payer_in_texts_of_colleagues(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """The texts of an operator and the observation of an alert name the payer. The answers to requests of colleagues
    about these records have the payer masked, also in the record of an error, and so have the stored answers.
    """
    start_team_mode(place, "op-a", "op-b", "lead-b")
    with (
        _open_team(place, sandbox, clock) as team,
        place.open_desk(sandbox, clock, person="lead-b", desk=3) as lead,
        place.open_desk(sandbox, clock, person="op-b", desk=4) as other,
    ):
        team.desk.incidents.snooze(ALERT_ID, clock.now() + timedelta(hours=1), f"asked {PAYER}")
        team.desk.recovery.add_note("payment", team.payment_id, f"@{place.get_account_name('op-b')} call {PAYER}")
        refund = team.desk.refunds.request(
            RefundRequest(
                team.payment_id, "1000", f"{PAYER} called", ticket=f"T {PAYER}", reason_code=RefundReason.WRONG_AMOUNT
            )
        )
        (mention,) = other.mentions.list_open_mentions()
        refusal = call_for_refusal(other.refunds.withdraw, refund.id)
        with answer_password_prompts(place, "lead-b"):
            approved = lead.refunds.approve(refund.id)
        answers: dict[str, object] = {
            "incident take": other.incidents.take(ALERT_ID),
            "mention done": other.mentions.mark_done(mention.id),
            "alerts ack": other.alerts.acknowledge(ALERT_ID, "seen"),
            "refund withdraw": dict(refusal.detail),
            "refund approve": approved,
            "probe": other.recovery.probe("refund", refund.id),
        }
    for name, answer in answers.items():
        assert PAYER not in repr(answer), name
        assert MASKED_PAYER in repr(answer), name
    assert approved.reason == f"{MASKED_PAYER} called"
    assert place.sql(f"SELECT action FROM requests WHERE result LIKE '%{PAYER}%'") == []


def test_the_trail_masks_the_payer_in_notes_of_incidents(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """An auditor reads the audit entries of steps of an incident whose notes name the payer: the payer is masked."""
    assert isinstance(place, ServerPlace)
    start_team_mode(place, "op-a")
    auditors = [{"name": place.get_account_name("lead-b"), "roles": ["auditor"], "acts": False}]
    apply_accounts(place.database._team.owner, auditors, {})
    with _open_team(place, sandbox, clock) as team:
        team.desk.incidents.snooze(ALERT_ID, clock.now() + timedelta(hours=1), f"asked {PAYER} by telephone")
        team.desk.incidents.resolve(ALERT_ID, f"{PAYER} has answered")
        team.desk.incidents.reopen(ALERT_ID, f"{PAYER} has called again")
    with place.open_desk(sandbox, clock, person="lead-b", desk=3) as auditor:
        notes = [
            entry.detail["note"] for entry in auditor.audit.list_entries() if entry.subject.startswith("incident")
        ]
    assert sorted(map(str, notes)) == [
        f"{MASKED_PAYER} has answered", f"{MASKED_PAYER} has called again", f"asked {MASKED_PAYER} by telephone",
    ]  # fmt: skip


def test_other_texts_of_a_masked_record_stay_unchanged(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """A payer has the same name as a person, a provider or a payment number: only texts that somebody has written are
    masked, so that the numbers, codes and names in an answer stay valid.
    """
    start_team_mode(place, "op-a")
    with _open_team(place, sandbox, clock) as team:
        payment = team.worker.payments.read_payment(team.payment_id).record
        refund = team.desk.refunds.request(
            RefundRequest(team.payment_id, "1000", "paypay called", reason_code=RefundReason.WRONG_AMOUNT)
        )
        error = ConsoleError("in_progress", {"record": payment, "about": "paypay"})  # type: ignore[call-overload]
        place.sql(f"UPDATE payments SET payer_ref = 'paypay' WHERE id = {team.payment_id}")
        answer = mask_payers_in_answer(team.worker._context, CallAnswer(error=error))
        masked = mask_payers_in_answer(team.worker._context, CallAnswer((refund, payment))).value
    assert answer.error is not None
    assert answer.error.detail == {"record": payment, "about": "****"}
    assert masked[0].reason == "**** called"
    assert masked[1].provider == "paypay"


def test_answers_mask_the_texts_that_views_mask() -> None:
    """For each kind of record in an answer, the masked fields are the columns that the database view of its table
    masks.
    """
    class_by_table: dict[str, type] = {
        "alerts": Alert, "incident_steps": IncidentStep, "notes": Note, "refunds": Refund,
        "reconciliation_rows": ReconciliationDifference,
    }  # fmt: skip
    columns_by_table = {
        view.table: frozenset(view.mask_by_column) for view in people_views._list_views_that_mask_payers()
    }
    for table, record_class in class_by_table.items():
        names = {field.name for field in fields(record_class)}
        assert MASKED_FIELDS_BY_CLASS[record_class] == columns_by_table[table] & names, table
    assert set(MASKED_FIELDS_BY_CLASS) == set(class_by_table.values())


def test_audit_entries_mask_payers_of_the_kinds_that_have_them() -> None:
    """Audit entries mask payers for the same kinds of records for which the database knows payers."""
    assert context._KINDS_WITH_PAYERS == KINDS_WITH_PAYERS
