"""A process that hangs is alive: its lease is kept, and nobody calls its purchase unknown until it is gone."""

from datetime import timedelta

import pytest

from console.app import Console
from console.domain.records import Certainty, CreditCheck, LeaseHolder, PurchaseRequest
from console.sandbox.server import Sandbox
from tests.crash.actors import act
from tests.support.children import crowd
from tests.support.invented import numbers
from tests.support.places import Place
from tests.support.refusals import code_of
from tests.support.waiting import until

(NUMBER,) = numbers(1)


def only(console: Console) -> CreditCheck:
    (record,) = console.lookup.find_records(NUMBER).credit_checks
    return record


def holder(console: Console) -> LeaseHolder | None:
    return next(iter(console.recovery.list_lease_holders()), None)


@pytest.mark.parametrize(("step", "charges"), [("before_send", 0), ("before_tx2", 1)])
def test_hanging_is_alive(place: Place, step: str, charges: int) -> None:
    """Past the length of its lease a hanging call still counts as running; killed, it becomes unknown."""
    with Sandbox() as sandbox, place.opened(sandbox) as console:
        told = place.told(sandbox.url, FAILPOINT=f"{step}:1:hang")
        with crowd(act, [(told, "purchase", NUMBER)]) as (child,):
            assert child.report() == "open"
            until(lambda: holder(console) is not None, "the hanging call to take its lease")
            first = holder(console)
            assert first is not None
            lease = first.until - first.since
            until(lambda: _lasts(holder(console), first, lease), "its heartbeat to move the lease on by its length")
            console.recovery.run_due()
            assert (only(console).state, only(console).certainty) == ("pending", "known")
            assert code_of(lambda: console.credit_checks.probe(only(console).id)) == "in_progress"
            purchase = PurchaseRequest(NUMBER, "1")
            assert code_of(lambda: console.credit_checks.purchase(purchase)) == "already_purchased"
        until(lambda: only(console).certainty is Certainty.UNKNOWN, "its lease to run out")
        console.recovery.run_due()
        assert (only(console).state, only(console).certainty) == ("pending", "unknown")
        assert sandbox.control.count_charges(NUMBER) == charges


def _lasts(now: LeaseHolder | None, first: LeaseHolder, lease: timedelta) -> bool:
    """Held by the same, further on than its first expiry by the length of a lease."""
    return now is not None and now.since == first.since and now.until >= first.until + lease
