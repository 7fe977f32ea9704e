"""After every history of a record, all places tell the same, unknown stays unknown, and the advised action is
accepted.
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
from tests.stateful import told_histories, told_places
from tests.stateful.told_plans import Act, PaymentPlan
from tests.support.choice_stage import Stage, stage
from tests.support.quick_desks import quick_folder

HISTORIES, BATCHES = 100, (0, 2, 4)


@pytest.fixture(scope="module")
def desk() -> Iterator[Stage]:
    with quick_folder() as folder, stage(folder / "home") as made:
        yield made


@pytest.mark.parts_by_day(len(BATCHES), "together they live 300 histories")
@pytest.mark.parametrize("first_batch", BATCHES)
def test_each_record_is_told_alike_everywhere(desk: Stage, tmp_path: Path, first_batch: int) -> None:
    """Payments with orders and refunds, and credit checks; the soak lives 10,000 histories."""
    tally = told_histories.run(desk, HISTORIES, tmp_path, first_batch=first_batch)
    assert tally["histories"] >= HISTORIES
    assert any(name.startswith("follow_advice") and name.endswith("done") for name in tally)


def test_a_proposal_that_the_provider_denies_is_no_advice(desk: Stage) -> None:
    """One person proposed a reversal, and the provider says that the code has expired: nobody could agree. Found by
    the soak.
    """
    acts = (
        Act("notice", ("payment.succeeded", "new", 3_301)),
        Act("provider_says", (ProviderStatement.NOTHING,)),
        Act("resolve_payment", ("op-a", "reversed")),
        Act("follow_advice"),
        Act("follow_advice"),
    )
    plan = PaymentPlan(PaymentState.CALLBACK_RECEIVED, ProviderStatement.EXPIRED, True, "paypay", acts)
    told_histories.live(desk, plan, Counter())


@pytest.mark.parametrize("currency", ["KRW", "BHD"])
@pytest.mark.parametrize("state", [PaymentState.COMPLETED, PaymentState.USER_PAYMENT])
def test_a_payment_in_a_currency_that_only_another_program_has(
    desk: Stage, currency: str, state: PaymentState
) -> None:
    """A probe asks about it without an amount, and says no internal error. What the provider tells in yen is never
    booked in the other currency, also when two people decide so. Found by the drawn histories.
    """
    payment = desk.payment(state, ProviderStatement.PAID, unknown=True, currency=currency)
    history = told_histories.PaymentHistory(desk, payment=payment)
    endings = [
        history.do(act)
        for act in (
            Act("probe"),
            Act("resolve_payment", ("op-a", "completed")),
            Act("resolve_payment", ("lead-b", "completed")),
            Act("refund", (100, "completes")),
            Act("follow_advice"),
        )
    ]
    assert "internal_error" not in str(endings)
    stored = history.end()
    assert stored
    view = told_places.read_view(desk, "payment", payment.id)
    assert view.record.captured_minor == payment.captured_minor


@pytest.fixture
def cooling_off(desk: Stage) -> Iterator[None]:
    """Each refund waits 15 minutes after its request before it is sent."""
    sql = "UPDATE limits SET value = ? WHERE name = 'cooling_off_above' AND currency = 'JPY'"
    desk.context.database.write(lambda tx: tx.conn.exec_driver_sql(sql, (0,)))
    yield
    desk.context.database.write(lambda tx: tx.conn.exec_driver_sql(sql, (100_000,)))


def advice_of(history: told_histories.PaymentHistory, kind: str, record_id: int) -> str:
    """Return why and next step of a record in English, after a look at the Japanese sentence."""
    page = told_places.read_view(history.stage, kind, record_id).explanation
    assert "閲覧専用" in wording.translate(page.next_step.code, "ja", **page.next_step.facts)
    keys = ((page.why, page.facts), (page.next_step.code, page.next_step.facts))
    return "\n".join(wording.translate(key, "en", **facts) for key, facts in keys)


@pytest.mark.usefixtures("cooling_off")
@pytest.mark.parametrize("scope", [EVERYTHING_SCOPE, "paypay"])
def test_a_refund_that_waits_for_the_end_of_a_switch_says_so(desk: Stage, scope: str) -> None:
    """A requested refund that nobody can approve, then an approved one that is not sent, before and after the end of
    its cooling-off: its own page, its payment's page and every list say who stopped it and why. Then it goes on.
    """
    payment = desk.payment(PaymentState.COMPLETED, ProviderStatement.PAID)
    history = told_histories.PaymentHistory(desk, payment=payment)
    history.do(Act("move_order"))
    history.do(Act("switch", (scope, True)))
    history.check(always=True)
    history.do(Act("switch", (scope, False)))
    assert history.do(Act("request_refund", (100,))) == "done"
    (refund_id,) = [record_id for kind, record_id in history.refs() if kind == "refund"]
    history.do(Act("switch", (scope, True)))
    history.check(always=True)
    for kind, record_id in (("refund", refund_id), ("payment", payment.id)):
        assert "lead-b" in advice_of(history, kind, record_id)
    assert history.do(Act("approve_refund", ("completes",))) == "completes: read_only"
    history.do(Act("switch", (scope, False)))
    assert history.do(Act("approve_refund", ("completes",))) == "completes: done"
    history.do(Act("switch", (scope, True)))
    for minutes, word in ((0, "not before"), (16, "once read-only has ended.")):
        history._move_clock(timedelta(minutes=minutes))
        told = advice_of(history, "refund", refund_id)
        assert "lead-b" in told
        assert word in told
        assert "lead-b" in advice_of(history, "payment", payment.id)
    assert history.do(Act("approve_refund", ("completes",))) == "completes: read_only"
    history.do(Act("switch", (scope, False)))
    assert history.do(Act("approve_refund", ("completes",))) == "completes: done"
    history.end()
    assert told_places.read_view(desk, "refund", refund_id).record.state is RefundState.COMPLETED
