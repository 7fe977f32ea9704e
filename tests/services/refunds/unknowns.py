"""Helpers for tests of many unknown refunds: neither time nor people's actions send a refund again, and a late effect
makes no second refund.
"""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from console.app import Console
from console.domain.payments.records import RefundRequest
from console.domain.payments.states import RefundState
from console.domain.records import Certainty
from console.providers.payments.provider import NotFoundRule
from tests.stateful.refund_world import CHECKERS, MAKERS, RefundWorld
from tests.support.ledger_refunds import Behaviour

MAKER, (CHECKER, OTHER_CHECKER) = MAKERS[0], CHECKERS
_AMOUNT_BY_PROVIDER = {"paypay": ("500", 500), "atom": ("5.00", 500)}
_CASES_WITHOUT_ANSWER: tuple[tuple[str, Behaviour, bool], ...] = (
    ("atom", "silent_before", True),
    ("atom", "silent_after", False),
    ("paypay", "silent_before", False),
)
"""Cases in which the sending of a refund gets no answer: the provider, the behaviour of the simulated ledger, and
True if the provider answers later queries (it then doesn't have the refund).
"""


def run_refunds_with_timeouts(count: int, seed: int = 0) -> Counter[str]:
    """Send `count` refunds that get no answer, and let each person try each action on them. Check that each refund
    stays unknown and waits for a person. Return a counter: `time_outs` (refunds) and `again` (repeated sendings).
    """
    world, tally = RefundWorld(), Counter[str]()
    try:
        for number in range(count):
            provider, behaviour, readable = _CASES_WITHOUT_ANSWER[(seed + number) % len(_CASES_WITHOUT_ANSWER)]
            world.ledger.is_readable = True  # without keys nothing is sent while the provider can't say what it has
            refund = _send_unknown_refund(world, provider, f"OUT{number}", behaviour)
            world.ledger.is_readable = readable
            sent = world.ledger.sending_count
            _try_every_action(world, refund)
            tally.update(time_outs=1, again=world.ledger.sending_count - sent)
            row = world.read_refund_row(refund)
            assert (row.status, row.certainty, row.work_state) == ("submitting", "unknown", "needs_review"), row
        world.check_ledger()
    finally:
        world.close()
    return tally


def _send_unknown_refund(refund_world: RefundWorld, provider: str, name: str, behaviour: Behaviour) -> int:
    """Send a refund that gets no answer, because the simulated ledger has this behaviour, and return its id.
    `name` is the number of its payment.
    """
    amount, minor = _AMOUNT_BY_PROVIDER[provider]
    payment = refund_world.insert_completed_payment(provider, name, 2 * minor)
    requested = refund_world.call_as(
        0, MAKER, lambda console: console.refunds.request(RefundRequest(payment, amount, "sent back"))
    )
    assert not isinstance(requested, str | None), requested
    refund_world.ledger.behaviour = behaviour
    assert (
        refund_world.call_as(0, CHECKER, lambda console: console.refunds.approve(requested.id)) == "outcome_unknown"
    )
    refund_world.ledger.behaviour = "accepts"
    return requested.id


def _try_every_action(refund_world: RefundWorld, refund: int) -> None:
    """Try each action on the refund, as each person who might execute it."""
    payment = refund_world.read_refund_row(refund).payment_id
    again = RefundRequest(payment, "5", "sent back", intended_repeat=True)
    acts: tuple[tuple[str, Callable[[Console], object]], ...] = (
        (MAKER, lambda console: console.refunds.submit(refund)),
        (CHECKER, lambda console: console.refunds.approve(refund)),
        (OTHER_CHECKER, lambda console: console.refunds.reject(refund, "no")),
        (MAKER, lambda console: console.refunds.withdraw(refund)),
        (MAKER, lambda console: console.refunds.request(again)),
        *(4 * ((MAKER, lambda console: console.refunds.probe(refund)),)),
        *(10 * ((MAKER, lambda console: console.recovery.run_all_tasks()),)),
    )
    for person, act in acts:
        refund_world.clock.at += timedelta(days=2)
        refund_world.call_as(0, person, act)


def run_refunds_with_late_effects(count: int, seed: int = 0) -> Counter[str]:
    """Let `count` refunds take effect up to a second before or after PayPay's second answer `not found`, when the
    program sends the same key again. Check that each refund gets the state `submitted`. Return a counter: `effects`
    (refunds), `before` (refunds that took effect before the second answer), `doubles` (additional refunds at the
    provider) and `found` (successful probes of another refund that the provider has made).
    """
    world, chance, tally = RefundWorld(), random.Random(seed), Counter[str]()
    rule, scale = NotFoundRule(), world.processes[0].console._context.scale
    try:
        known = _send_and_probe_refund(world)
        for number in range(count):
            world.ledger.is_readable, world.clock.at = True, world.clock.at + timedelta(days=1)
            sent_at = world.clock.at
            refund = _send_unknown_refund(world, "paypay", f"LATE{number}", "silent_before")
            order, seconds = world.last_instruction, chance.uniform(-1.0, 1.0)
            assert order is not None
            for after in (rule.first_answer_after_seconds, rule.last_answer_after_seconds):
                if after == rule.last_answer_after_seconds and seconds <= 0:
                    world.clock.at = sent_at + scale.scale_duration(timedelta(seconds=after + seconds))
                    world.execute_late_instruction(order)
                world.clock.at = max(world.clock.at, sent_at + scale.scale_duration(timedelta(seconds=after)))
                world.call_as(0, MAKER, lambda console: console.refunds.probe(refund))  # noqa: B023  # called at once
            if seconds > 0:
                assert world.read_refund_row(refund).state is RefundState.APPROVED, world.read_refund_row(refund)
                world.clock.at += scale.scale_duration(timedelta(seconds=seconds))
                world.ledger.add_refund(order, keeps_keys=True)
            world.call_as(0, MAKER, lambda console: console.recovery.run_all_tasks())
            entries = world.ledger.list_entries(order.key)
            tally.update(effects=1, before=int(seconds <= 0), doubles=len(entries) - 1)
            assert world.read_refund_row(refund).state is RefundState.SUBMITTED, world.read_refund_row(refund)
            entries[0].entry_state = "done"
            tally.update(found=_probe_and_check_known_refund(world, known))
        world.check_ledger()
    finally:
        world.close()
    return tally


def _send_and_probe_refund(refund_world: RefundWorld) -> int:
    """Send a refund that the provider makes, probe it and return its id."""
    refund = _send_unknown_refund(refund_world, "paypay", "KNOWN", "silent_after")
    refund_world.clock.at += timedelta(minutes=1)
    refund_world.call_as(0, MAKER, lambda console: console.refunds.probe(refund))
    return refund


def _probe_and_check_known_refund(refund_world: RefundWorld, refund: int) -> bool:
    """Probe the refund; return True if the probe succeeds and the refund's outcome is known afterwards."""
    probed = refund_world.call_as(0, MAKER, lambda console: console.refunds.probe(refund))
    return not isinstance(probed, str | None) and probed.certainty is Certainty.KNOWN
