"""Whatever happens to a record, every place tells it alike, unknown stays unknown, and advice is never refused."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.domain.payments.states import PaymentState
from console.domain.recovery.records import ProviderStatement
from tests.stateful import told_histories
from tests.stateful.told_plans import Act, PaymentPlan
from tests.support.choice_stage import Stage, stage
from tests.support.quick_desks import quick_folder

HISTORIES = int(os.environ.get("HISTORIES", "100"))  # the mutants' runs ask for more


@pytest.fixture(scope="module")
def desk() -> Iterator[Stage]:
    with quick_folder() as folder, stage(folder / "home") as made:
        yield made


def test_each_record_is_told_alike_everywhere(desk: Stage, tmp_path: Path) -> None:
    """Payments with orders and refunds, and credit checks; the soak lives 10,000 histories."""
    tally = told_histories.run(desk, HISTORIES, tmp_path)
    assert tally["histories"] >= HISTORIES
    assert any(name.startswith("follow_advice") and name.endswith("done") for name in tally)


def test_a_proposal_that_the_provider_denies_is_no_advice(desk: Stage) -> None:
    """One person proposed a reversal, and the provider says that the code has expired: nobody could agree. Found by
    the soak.
    """
    acts = (
        Act("notice", ("payment.succeeded", "new", "3301")),
        Act("provider_says", (ProviderStatement.NOTHING,)),
        Act("resolve_payment", ("op-a", "reversed")),
        Act("follow_advice"),
        Act("follow_advice"),
    )
    plan = PaymentPlan(PaymentState.CALLBACK_RECEIVED, ProviderStatement.EXPIRED, True, "paypay", acts)
    told_histories.live(desk, plan, Counter())
