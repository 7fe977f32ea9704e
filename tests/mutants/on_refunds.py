"""Bugs that would give money back twice, to the wrong decision, or book what never came."""

from tests.mutants.mutant import UNFENCED, Change, Mutant

_MONEY, _SUBMITTING = "console/store/payment_money.py", "console/services/submitting.py"
_VOTING, _PROBING = "console/services/voting.py", "console/services/refund_probing.py"
_AT_ONCE = "tests/races/test_requests_at_once.py"
_SILENCES = "tests/races/test_silences.py"
_LATE = (f"{_SILENCES}::test_effects_that_come_late",)
_VOTES = "tests/services/refunds/test_votes.py"
_RESERVED = "    return _move(conn, _RESERVE_ASIDE if from_set_aside else _RESERVE, payment_id, minor, now)\n"
_SUM = """    from sqlalchemy import func, select

    from console.store.payment_schema import refunds

    taken = select(func.sum(refunds.c.refund_amount)).where(refunds.c.payment_id == payment_id)
    captured = conn.scalar(select(_t.captured_minor).where(_t.id == payment_id).with_for_update())
    return int(captured or 0) - int(conn.scalar(taken) or 0) >= minor
"""
_READ_FIRST = """    from sqlalchemy import select

    if (conn.scalar(select(_LEFT).where(_t.id == payment_id)) or 0) < minor:
        return False
    return _move(conn, _TO_RESERVED, payment_id, minor, now)
"""
_BELIEVED = """            from console.domain.money import Money
            from console.domain.outcomes import Outcome, OutcomeClass, Sent
            from console.domain.payment_records import PaymentReport

            said = PaymentReport(
                merchant_payment_id=event.order_no or "", provider_payment_id="04299999999999999999",
                provider_state=event.kind, state=PaymentState.PAYMENT_SUCCESS, final=True,
                amount=Money(event.amount_minor or 0, event.currency or "JPY"), paid_at=event.occurred_at,
                refunds=None,
            )
            told = Outcome(OutcomeClass.SUCCEEDED, "told", Sent.YES, said)
            current = self._probing.current(event.payment_id)
            done = self._probing.learn(current, told, self._desk.now(), event_id=event.event_id)
"""
ON_REFUNDS: tuple[Mutant, ...] = (
    Mutant(
        "what is left is a sum under a lock, and the payment is not written",
        (Change(_MONEY, _RESERVED, _SUM),),
        (f"{_AT_ONCE}::test_sums_alone",),
        "galera",
    ),
    Mutant(
        "what is left is read before it is reserved",
        (Change(_MONEY, _RESERVED, _READ_FIRST),),
        (f"{_AT_ONCE}::test_sums_alone",),
        "mariadb",
    ),
    Mutant(
        "requests of one maker never meet",
        (Change("console/services/refunding.py", "        self._take_turn(tx, asked.maker)\n", ""),),
        (f"{_AT_ONCE}::test_one_person_at_many_windows",),
        "mariadb",
    ),
    Mutant("an old sending of a refund is not fenced", UNFENCED, ("tests/crash/test_refund_wakes.py",), "sqlite"),
    Mutant(
        "each sending of a refund has a key of its own",
        (
            Change(
                _SUBMITTING,
                "    if refund.provider_refund_key is not None:\n        return refund.provider_refund_key\n",
                "",
            ),
            Change(_SUBMITTING, '"|".join(map(str, request)).encode()', 'f"{request}{refund.sent_count}".encode()'),
        ),
        _LATE,
    ),
    Mutant(
        "a refund that is not found did not happen",
        (
            Change(
                _PROBING,
                "        return refund.not_found + 1 >= rule.answers and self._is_time(refund, rule.last_after)\n",
                "        return True\n",
            ),
        ),
        _LATE,
    ),
    Mutant(
        "what Atom does not find did not happen",
        (
            Change(
                _PROBING,
                "        if rule is None or not can.keeps_keys or not counted:\n            return False\n",
                "        if rule is None:\n            return True\n"
                "        if not counted:\n            return False\n",
            ),
        ),
        (f"{_SILENCES}::test_a_time_out_is_never_sent_again",),
    ),
    Mutant(
        "what arrived after all may be withdrawn",
        (Change(_VOTING, "if refund.work.reason in refund_limits.CONTRADICTED:", "if False:"),),
        ("tests/crash/test_refund_late_effects.py",),
    ),
    Mutant(
        "silence about an earlier refund is a no",
        (Change(_SUBMITTING, "        self._probing.require_undone(matter)\n", ""),),
        ("tests/crash/test_refund_late_effects.py",),
        "says_nothing",
    ),
    Mutant(
        "a refund's 5xx is a failure",
        (
            Change(
                "console/providers/paypay_answers.py",
                "    except Unreadable:\n",
                "    except Unreadable:\n        if answer.status >= 500:\n"
                "            from console.providers.payment_verdicts import refused\n\n"
                '            return None, refused("http_5xx")\n',
            ),
        ),
        ("tests/services/refunds/test_sending.py",),
        "unusable_answer",
    ),
    Mutant(
        "a webhook is believed",
        (
            Change(
                "console/services/notice_paypay.py",
                "            done = self._probing.confirm(event.payment_id, event.event_id)\n",
                _BELIEVED,
            ),
        ),
        ("tests/services/test_notices.py::test_a_webhook_that_lies_books_nothing",),
    ),
    Mutant(
        "a maker may approve",
        (Change(_VOTING, "for other in (refund.maker, *refund.checkers):", "for other in refund.checkers:"),),
        (_VOTES,),
        "nobody_approves_their_own",
    ),
    Mutant(
        "a maker may approve past the console",
        (
            Change(
                "console/store/guard_refunds.py", " AND {other_than('me', 'r.maker')} AND {UTC_NOW}", " AND {UTC_NOW}"
            ),
        ),
        ("tests/store/test_guards.py",),
    ),
    Mutant(
        "who approves twice counts as two",
        (
            Change(_VOTING, "for other in (refund.maker, *refund.checkers):", "for other in (refund.maker,):"),
            Change(
                "console/store/approvals.py",
                "        if person in votes(conn, refund_id):\n            return False\n        raise\n",
                "        return True\n",
            ),
        ),
        (_VOTES,),
        "two_checkers",
    ),
    Mutant(
        "late news of a payment undoes newer",
        (
            Change(
                "console/domain/payment_news.py",
                "    newer = payment.told_at is None or at >= payment.told_at\n",
                "    newer = True\n",
            ),
        ),
        ("tests/domain/test_payment_news.py",),
    ),
    Mutant(
        "an order's step is not planned with the booking",
        (
            Change(
                "console/services/happened.py",
                "    if follows:\n        return Work(",
                "    if not follows:\n        return Work(",
            ),
        ),
        ("tests/crash/test_notice_kills.py",),
        "sqlite",
    ),
)
