"""Tests that every display of a record agrees with the record's page after random histories of payments and
credit checks. An unknown outcome is shown as unknown, and the services accept the action that the page advises.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from console.domain.access.read_only import EVERYTHING_SCOPE
from console.domain.payments.states import PaymentState, RefundState
from console.domain.recovery.records import ProviderStatement
from console.wording.sentences import catalogue as wording
from tests.stateful import random_histories, record_displays
from tests.stateful.history_plans import PaymentPlan, PlannedAction
from tests.support.choice_stage import ChoiceStage, open_choice_stage
from tests.support.quick_desks import make_quick_folder

HISTORY_COUNT, FIRST_BATCHES = 100, (0, 2, 4)


@pytest.fixture(scope="module")
def desk() -> Iterator[ChoiceStage]:
    with make_quick_folder() as folder, open_choice_stage(folder / "home") as made:
        yield made


@pytest.mark.parts_by_day(len(FIRST_BATCHES), "together they execute 300 histories")
@pytest.mark.parametrize("first_batch", FIRST_BATCHES)
def test_each_record_has_the_same_texts_everywhere(desk: ChoiceStage, tmp_path: Path, first_batch: int) -> None:
    """After 300 random histories of payments (with orders and refunds) and credit checks, all displays show the
    same state of each record. `make soak` runs 10,000 histories.
    """
    tally = random_histories.run_histories(desk, HISTORY_COUNT, tmp_path, first_batch=first_batch)
    assert tally["histories"] >= HISTORY_COUNT
    assert any(name.startswith("follow_advice") and name.endswith("done") for name in tally)


def test_no_confirmation_is_advised_of_a_proposal_that_the_provider_denies(desk: ChoiceStage) -> None:
    """A person has proposed to resolve a payment as reversed, but the provider says that its code has expired. The
    page must not advise a second person to confirm the proposal, because the services would refuse the confirmation.
    """
    acts = (
        PlannedAction("deliver_notice", ("payment.succeeded", "new", 3_301)),
        PlannedAction("set_provider_statement", (ProviderStatement.NOTHING,)),
        PlannedAction("resolve_payment", ("op-a", "reversed")),
        PlannedAction("follow_advice"),
        PlannedAction("follow_advice"),
    )
    plan = PaymentPlan(PaymentState.CALLBACK_RECEIVED, ProviderStatement.EXPIRED, True, "paypay", acts)
    random_histories.execute_plan(desk, plan, Counter())


@pytest.mark.parametrize("currency", ["KRW", "BHD"])
@pytest.mark.parametrize("state", [PaymentState.COMPLETED, PaymentState.USER_PAYMENT])
def test_a_payment_in_an_unknown_currency_causes_no_internal_error(
    desk: ChoiceStage, currency: str, state: PaymentState
) -> None:
    """Another program has inserted a payment in a currency that the console doesn't handle. A probe and decisions end
    without `internal_error`. The amount that the provider reports in yen is never captured, even if two people
    resolve the payment as completed.
    """
    payment = desk.make_payment(state, ProviderStatement.PAID, is_unknown=True, currency=currency)
    history = random_histories.PaymentHistory(desk, payment=payment)
    endings = [
        history.execute_action(act)
        for act in (
            PlannedAction("probe_payment"),
            PlannedAction("resolve_payment", ("op-a", "completed")),
            PlannedAction("resolve_payment", ("lead-b", "completed")),
            PlannedAction("refund_payment", (100, "completes")),
            PlannedAction("follow_advice"),
        )
    ]
    assert "internal_error" not in str(endings)
    stored = history.end_history()
    assert stored
    view = record_displays.read_view(desk, "payment", payment.id)
    assert view.record.captured_minor == payment.captured_minor
    (refund,) = (action for action in view.actions if action.action == "refund")
    assert (refund.allowed, refund.reason) == (False, "reason.refund_other_currency")


def test_no_refund_is_advised_in_a_currency_that_only_another_program_has(desk: ChoiceStage) -> None:
    """An order was paid in excess in Korean won, a currency that the console doesn't handle. The page of the payment
    advises no refund, because the services would refuse its request.
    """
    payment = desk.make_payment(PaymentState.COMPLETED, ProviderStatement.PAID, currency="KRW")
    desk.context.database.write(
        lambda tx: tx.conn.exec_driver_sql(
            "UPDATE orders SET total_amount = total_amount - 1, status = 'paid' WHERE id = ?", (payment.order_id,)
        )
    )
    explanation = record_displays.read_view(desk, "payment", payment.id).explanation
    assert explanation.verdict == "verdict.payment_excess"
    assert (explanation.next_step.code, explanation.next_step.action) == ("next.payment_refund_off", None)
    assert explanation.next_step.facts["refusal"] == "refund_other_currency"


@pytest.fixture
def set_cooling_off_limit(desk: ChoiceStage) -> Iterator[None]:
    """Within the test, every refund in yen has a cooling-off period of 15 minutes."""
    sql = "UPDATE limits SET value = ? WHERE name = 'cooling_off_above' AND currency = 'JPY'"
    desk.context.database.write(lambda tx: tx.conn.exec_driver_sql(sql, (0,)))
    yield
    desk.context.database.write(lambda tx: tx.conn.exec_driver_sql(sql, (100_000,)))


def read_advice(history: random_histories.PaymentHistory, kind: str, record_id: int) -> str:
    """Return the reason and the next step of a record in English, one per line. Also check that the next step in
    Japanese mentions the read-only switch.
    """
    page = record_displays.read_view(history.stage, kind, record_id).explanation
    assert "閲覧専用" in wording.translate(page.next_step.code, "ja", **page.next_step.facts)
    keys = ((page.why, page.facts), (page.next_step.code, page.next_step.facts))
    return "\n".join(wording.translate(key, "en", **facts) for key, facts in keys)


@pytest.mark.usefixtures("set_cooling_off_limit")
@pytest.mark.parametrize("scope", [EVERYTHING_SCOPE, "paypay"])
def test_a_waiting_refund_names_the_person_of_the_read_only_switch(desk: ChoiceStage, scope: str) -> None:
    """While a read-only switch is on, a requested refund can't be approved, and an approved refund is not sent,
    before and after the end of its cooling-off period. The refund's page, its payment's page and every list name the
    person who set the switch. After the end of the switch the refund is sent.
    """
    payment = desk.make_payment(PaymentState.COMPLETED, ProviderStatement.PAID)
    history = random_histories.PaymentHistory(desk, payment=payment)
    history.execute_action(PlannedAction("move_order"))
    history.execute_action(PlannedAction("set_switch", (scope, True)))
    history.check_all_records(checks_always=True)
    history.execute_action(PlannedAction("set_switch", (scope, False)))
    assert history.execute_action(PlannedAction("request_refund", (100,))) == "done"
    (refund_id,) = [record_id for kind, record_id in history.list_record_refs() if kind == "refund"]
    history.execute_action(PlannedAction("set_switch", (scope, True)))
    history.check_all_records(checks_always=True)
    for kind, record_id in (("refund", refund_id), ("payment", payment.id)):
        assert "lead-b" in read_advice(history, kind, record_id)
    assert history.execute_action(PlannedAction("approve_refund", ("completes",))) == "completes: read_only"
    history.execute_action(PlannedAction("set_switch", (scope, False)))
    assert history.execute_action(PlannedAction("approve_refund", ("completes",))) == "completes: done"
    history.execute_action(PlannedAction("set_switch", (scope, True)))
    for minutes, word in ((0, "not before"), (16, "once read-only has ended.")):
        history._move_clock(timedelta(minutes=minutes))
        advice = read_advice(history, "refund", refund_id)
        assert "lead-b" in advice
        assert word in advice
        assert "lead-b" in read_advice(history, "payment", payment.id)
    assert history.execute_action(PlannedAction("approve_refund", ("completes",))) == "completes: read_only"
    history.execute_action(PlannedAction("set_switch", (scope, False)))
    assert history.execute_action(PlannedAction("approve_refund", ("completes",))) == "completes: done"
    history.end_history()
    assert record_displays.read_view(desk, "refund", refund_id).record.state is RefundState.COMPLETED
