"""A purchase whose process hangs counts as in progress, because its heartbeat renews the lease. It becomes unknown
only after the process has ended."""

from datetime import timedelta

import pytest

from console.app import Console
from console.domain.records import Certainty, CreditCheck, LeaseHolder, PurchaseRequest
from console.sandbox.server import Sandbox
from tests.crash.actors import execute_action
from tests.support.children import start_children
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.refusals import call_for_refusal_code
from tests.support.waiting import wait_until

(CORPORATION_NUMBER,) = invent_numbers(1)


def read_single_check(console: Console) -> CreditCheck:
    """Return the only credit check of CORPORATION_NUMBER; the test fails if there are several."""
    (record,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    return record


def find_lease_holder(console: Console) -> LeaseHolder | None:
    """Return the holder of the first lease; None if no lease is held."""
    return next(iter(console.recovery.list_lease_holders()), None)


@pytest.mark.parametrize(("step", "charge_count"), [("before_send", 0), ("before_tx2", 1)])
def test_a_hanging_call_keeps_its_lease(place: Place, step: str, charge_count: int) -> None:
    """A purchase whose call hangs for longer than its lease still counts as in progress. After the process was killed
    and the lease has expired, the purchase becomes unknown."""
    with Sandbox() as sandbox, place.open_desk(sandbox) as console:
        environment = place.make_environment(sandbox.url, FAILPOINT=f"{step}:1:hang")
        with start_children(execute_action, [(environment, "purchase", CORPORATION_NUMBER)]) as (child,):
            assert child.wait_for_report() == "open"
            wait_until(lambda: find_lease_holder(console) is not None, "the hanging call to take its lease")
            first = find_lease_holder(console)
            assert first is not None
            lease = first.until - first.since
            wait_until(
                lambda: _is_renewed(find_lease_holder(console), first, lease),
                "its heartbeat to move the lease on by its length",
            )
            console.recovery.run_all_tasks()
            assert (read_single_check(console).state, read_single_check(console).certainty) == ("pending", "known")
            assert (
                call_for_refusal_code(lambda: console.credit_checks.probe(read_single_check(console).id))
                == "in_progress"
            )
            purchase = PurchaseRequest(CORPORATION_NUMBER, "1")
            assert call_for_refusal_code(lambda: console.credit_checks.purchase(purchase)) == "already_purchased"
        wait_until(lambda: read_single_check(console).certainty is Certainty.UNKNOWN, "its lease to run out")
        console.recovery.run_all_tasks()
        assert (read_single_check(console).state, read_single_check(console).certainty) == ("pending", "unknown")
        assert sandbox.control.count_charges(CORPORATION_NUMBER) == charge_count


def _is_renewed(now: LeaseHolder | None, first: LeaseHolder, lease: timedelta) -> bool:
    """True if `now` is the same lease holder as `first`, and its lease ends at least `lease` later than that of
    `first`.
    """
    return now is not None and now.since == first.since and now.until >= first.until + lease
