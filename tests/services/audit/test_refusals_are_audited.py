"""Tests of many actions of the services by every role: a refusal (exit status 3) writes one entry in the audit
trail; any other result writes none about a refusal.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from console.app import Console
from console.domain.bulk.records import ChosenRecord
from console.domain.errors import ConsoleError
from console.domain.payments.records import PaymentImport, RefundRequest
from console.domain.records import PurchaseRequest, TimelineEntry
from console.sandbox.server import Sandbox
from console.wording.sentences import catalogue as wording
from tests.services.access.test_roles import PEOPLE_OF_EACH_ROLE
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import SqlitePlace
from tests.support.quick_desks import make_quick_folder

ConsoleAction = Callable[[Console], object]
UNKNOWN_OPERATION_ID = "00000000-0000-4000-8000-000000000000"


def list_actions(scene: PaymentDesk) -> dict[str, ConsoleAction]:
    """Return the tested actions by name. Several of them fail for every role, each for another reason."""
    purchase_request = PurchaseRequest(CORPORATION_NUMBERS[0], "1")
    operation = str(scene.place.sql("SELECT id FROM operations WHERE subject_kind = 'credit-check' LIMIT 1")[0][0])
    begun = str(scene.place.sql("SELECT id FROM operations WHERE subject_kind = 'payment' LIMIT 1")[0][0])
    day = date(2026, 11, 20)
    return {
        "purchase again": lambda desk: desk.credit_checks.purchase(purchase_request),
        "renew too early": lambda desk: desk.credit_checks.purchase(
            PurchaseRequest(CORPORATION_NUMBERS[0], "1", renew=True)
        ),
        "refetch": lambda desk: desk.credit_checks.refetch(1, expected_version=99),
        "probe a check": lambda desk: desk.recovery.probe("credit-check", 1),
        "resolve a check": lambda desk: desk.recovery.resolve("credit-check", 1, "error", "words"),
        "probe an operation": lambda desk: desk.recovery.probe("operation", operation),
        "probe a beginning": lambda desk: desk.recovery.probe("operation", begun),
        "probe no operation": lambda desk: desk.recovery.probe("operation", UNKNOWN_OPERATION_ID),
        "resolve an operation": lambda desk: desk.recovery.resolve("operation", operation, "error", "words"),
        "resolve a beginning": lambda desk: desk.recovery.resolve("operation", begun, "completed", "words"),
        "show an operation": lambda desk: desk.recovery.read_record("operation", operation),
        "probe an order": lambda desk: desk.recovery.probe("order", 1),
        "probe an order without a payment": lambda desk: desk.recovery.probe("order", 2),
        "resolve an order": lambda desk: desk.recovery.resolve("order", 1, "paid", "words"),
        "probe a payment": lambda desk: desk.recovery.probe("payment", 1),
        "resolve a payment": lambda desk: desk.recovery.resolve("payment", 1, "completed", "words"),
        "start a payment": lambda desk: desk.payments.start(1, "atom"),
        "import a payment": lambda desk: desk.payments.import_payment(PaymentImport("paypay", "ORD-9")),
        "move an order": lambda desk: desk.payments.set_order_paid(1),
        "reconcile": lambda desk: desk.reconciliation.run("paypay", day, day),
        "request a refund": lambda desk: desk.refunds.request(RefundRequest(1, "100", "sent back")),
        "approve": lambda desk: desk.refunds.approve(7),
        "reject": lambda desk: desk.refunds.reject(7, "no"),
        "withdraw": lambda desk: desk.refunds.withdraw(7),
        "submit": lambda desk: desk.refunds.submit(7),
        "probe a refund": lambda desk: desk.refunds.probe(7),
        "resolve a refund": lambda desk: desk.refunds.resolve(7, "failed", "words"),
        "take": lambda desk: desk.recovery.take("credit-check", 1),
        "give up": lambda desk: desk.recovery.give_up_take("credit-check", 1),
        "mention done": lambda desk: desk.mentions.mark_done(1),
        "hand over": lambda desk: desk.recovery.hand_over("credit-check", 1, "words"),
        "note": lambda desk: desk.recovery.add_note("credit-check", 1, "words"),
        "acknowledge": lambda desk: desk.alerts.acknowledge(1, "seen"),
        "take back an acknowledgement": lambda desk: desk.alerts.undo_acknowledgement(1),
        "take an incident": lambda desk: desk.incidents.take(1),
        "hand an incident over": lambda desk: desk.incidents.hand_over(1, "op-a", "words"),
        "snooze an incident": lambda desk: desk.incidents.snooze(1, datetime(2026, 11, 21, tzinfo=UTC)),
        "resolve an incident": lambda desk: desk.incidents.resolve(1, "words"),
        "freeze a set": lambda desk: desk.bulk_runs.create_run("probe", [ChosenRecord("credit-check", 1, 1)]),
        "run a set": lambda desk: desk.bulk_runs.run(1),
        "stop a set": lambda desk: desk.bulk_runs.stop(1),
        "discard a set": lambda desk: desk.bulk_runs.discard(1),
        "authorise": lambda desk: desk.provider_authorisation.begin(),
        "packs": lambda desk: desk.recovery.write_evidence_bundle([("credit-check", 1)], Path("/nowhere/at/all.zip")),
        "pack": lambda desk: desk.recovery.write_evidence_pack("credit-check", 1, Path("/nowhere/at/all.zip")),
    }


@pytest.fixture(scope="module")
def scene() -> Iterator[PaymentDesk]:
    """Yield a desk with one purchased credit check, a waiting payment, an order without a payment, a bulk run that is
    not started, and operators of every role.
    """
    with make_quick_folder() as folder, Sandbox() as sandbox, open_payment_desk(SqlitePlace(folder), sandbox) as made:
        made.console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))
        made.payments.start(made.insert_order("ORD-1", 3300), "paypay")
        made.insert_order("ORD-2", 3300)
        made.console.bulk_runs.create_run("probe", [ChosenRecord("credit-check", 1, 1)])
        for person in PEOPLE_OF_EACH_ROLE:
            made.console.people.add_person(person)
        yield made


def count_refusals(scene: PaymentDesk) -> int:
    """Return the number of audit entries about refusals."""
    return int(scene.place.sql("SELECT COUNT(*) FROM audit_log WHERE result = 'refused'")[0][0])


def read_last_refusal(scene: PaymentDesk) -> tuple[str, str]:
    """Return the action of the newest audit entry about a refusal, and its sentence in English."""
    query = "SELECT who, what, reason, detail FROM audit_log WHERE result = 'refused' ORDER BY id DESC LIMIT 1"
    ((person, what, reason, detail),) = scene.place.sql(query)
    facts = {**json.loads(str(detail)), "reason": reason}
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return str(what), wording.format_audit_entry(TimelineEntry(at, str(person), str(what), facts, "refused"), "en")


def make_expected_words(refusal: ConsoleError) -> str:
    """Return the English words of the refusal's reason, or those of its error code if the reason has no words."""
    code, reason = refusal.code, refusal.detail.get("reason")
    keys = (f"refusal.{code}.{reason}", f"refusal.{code}")
    return wording.translate(next(filter(wording.has_sentence, keys)), "en")


@pytest.mark.expects_log("some endings are logged")
@pytest.mark.parametrize("person", [person.name for person in PEOPLE_OF_EACH_ROLE])
def test_a_refusal_writes_one_audit_entry(scene: PaymentDesk, person: str) -> None:
    """Each action is tried by each role: a refusal writes one audit entry about the refusal, any other result writes
    none. A timeline that shows this entry says that the action was refused, and why.
    """
    wrong, said_no = [], 0
    for name, act in list_actions(scene).items():
        before, status, refusal = count_refusals(scene), 0, None
        with scene.console.acting_as(person):
            try:
                act(scene.console)
            except ConsoleError as ending:
                status, refusal = ending.exit_status, ending
        said_no += status == 3
        if refusal is not None and status == 3:
            action, sentence = read_last_refusal(scene)
            if "refused" not in sentence or make_expected_words(refusal) not in sentence:
                wrong.append(f"{name}: {action} {dict(refusal.detail)} has the sentence {sentence}")
        if count_refusals(scene) - before != (status == 3):
            wrong.append(f"{name}: exit {status}, {count_refusals(scene) - before} entries")
    assert wrong == []
    assert said_no > 3
