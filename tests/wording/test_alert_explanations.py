"""Tests of the explanation of an order with an alert: each rule has complete sentences, with the observed facts and
their time.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from console.domain.alerts.rules import BrokenRule, find_broken_rule
from console.domain.clock import TimeScale
from console.domain.explained_state import Explanation
from console.domain.explanations.alerts import explain_alert
from console.domain.payments.records import Order, OrderState, Payment
from console.domain.payments.states import PaymentState
from console.wording.sentences.catalogue import LANGUAGES
from tests.support.explanation_sentences import check_sentences_complete, make_sentences
from tests.wording.test_payment_explanations import NOW, ORDER, PAYMENT

TWO_HOURS_AGO = NOW - timedelta(hours=2)
PAID_PAYMENT = replace(PAYMENT, paid_at=TWO_HOURS_AGO)
RECORDS_BY_BROKEN_RULE: Mapping[str, tuple[Order, Payment]] = {
    "A": (replace(ORDER, state=OrderState.PENDING), PAID_PAYMENT),
    "B": (
        replace(ORDER, changed_at=TWO_HOURS_AGO, state_since=TWO_HOURS_AGO),
        replace(PAYMENT, state=PaymentState.PAYMENT_FAILED, captured_minor=0),
    ),
    "B reversed": (
        replace(ORDER, changed_at=TWO_HOURS_AGO, state_since=TWO_HOURS_AGO),
        replace(PAID_PAYMENT, state=PaymentState.REVERSED),
    ),
    "C after": (ORDER, replace(PAID_PAYMENT, late_after=PaymentState.EXPIRED, refunded_minor=2_000)),
    "C cancelled": (replace(ORDER, state=OrderState.CANCELLED), PAID_PAYMENT),
}


def find_rule_that_is_broken(order: Order, payment: Payment, now: datetime = NOW) -> BrokenRule:
    finding = find_broken_rule(order, (payment,), now, TimeScale(1))
    assert finding is not None
    return finding


def explain_broken_rule(name: str) -> Explanation:
    order, payment = RECORDS_BY_BROKEN_RULE[name]
    return explain_alert(order, (payment,), find_rule_that_is_broken(order, payment), NOW - timedelta(minutes=7), NOW)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", RECORDS_BY_BROKEN_RULE)
def test_every_rule_has_three_whole_sentences(name: str, language: str) -> None:
    """Each rule has three complete sentences: verdict, reason and next step. The reason and the next step name the
    payment that can settle the mismatch, and no two rules have the same reason.
    """
    check_sentences_complete(explain_broken_rule(name), language)
    sentences = make_sentences(explain_broken_rule(name), language)
    assert ("決済 A-10442" if language == "ja" else "ayment A-10442") in sentences[1]
    assert ("決済 A-10442" if language == "ja" else "ayment A-10442") in sentences[2]
    others = [
        make_sentences(explain_broken_rule(other), language)[1] for other in RECORDS_BY_BROKEN_RULE if other != name
    ]
    assert sentences[1] not in others


@pytest.mark.parametrize(
    ("name", "japanese", "english"),
    [
        ("A", ("¥12,000", "2 時間前", "「未入金」", "5 分"), ("¥12,000", "2 h ago", "still Unpaid", "5 min")),
        ("B", ("「入金済」", "2 時間前", "「失敗」"), ("has been Paid", "2 h ago", "is Failed")),
        (
            "C after",
            ("「期限切れ」", "¥12,000", "¥10,000"),
            ("was Expired before", "¥12,000", "¥10,000 has not been returned"),
        ),
        ("C cancelled", ("「取消」", "¥12,000", "2 時間前"), ("is Cancelled", "¥12,000", "2 h ago")),
    ],
)
def test_the_reason_has_states_amounts_and_ages(
    name: str, japanese: tuple[str, ...], english: tuple[str, ...]
) -> None:
    """The reason of an alert contains the present states, amounts and ages."""
    for language, parts in (("ja", japanese), ("en", english)):
        why = make_sentences(explain_broken_rule(name), language)[1]
        assert [part for part in parts if part not in why] == []


@pytest.mark.parametrize(
    ("name", "verb"),
    [("A", "payment move-order"), ("B", "probe"), ("B reversed", "show"), ("C after", "refund request")],
)
def test_the_action_of_an_alert_has_its_command(name: str, verb: str) -> None:
    """The next step in the explanation of an alert has a command with this verb."""
    assert (explain_broken_rule(name).next_step.command or "").startswith(f"support-console {verb} ")
