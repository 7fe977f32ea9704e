"""Seeded bugs in what moves money: the sums, the swaps, one open refund, one key, one vote, one event."""

from tests.mutants.mutant import Change, Mutant

_MONEY, _PAYMENTS, _REFUNDS = (f"console/store/{name}.py" for name in ("payment_money", "payments", "refunds"))
_ACCOUNTS, _SWAPS = "console/store/accounts.py", "console/store/swaps.py"
_SUMS, _REFUND_ROWS = ("tests/store/test_payment_money.py",), ("tests/store/test_refunds.py",)
_PAYMENT_ROWS, _LIMITS = ("tests/store/test_payments.py",), ("tests/store/test_money_limits.py",)
_QUEUES = ("tests/store/test_queues.py",)


def _mutant(name: str, file: str, old: str, new: str, tests: tuple[str, ...]) -> Mutant:
    return Mutant(name, (Change(file, old, new),), tests, "sqlite")


MONEY_MUTANTS: tuple[Mutant, ...] = (
    _mutant(
        "more than is left is reserved",
        _MONEY,
        "_TO_RESERVED.where(_LEFT >= _X, _STANDS)",
        "_TO_RESERVED.where(_STANDS)",
        _SUMS,
    ),
    _mutant(
        "what open refunds hold is left",
        _MONEY,
        "_t.captured_minor - _t.reserved_minor - _t.refunded_minor",
        "_t.captured_minor - _t.refunded_minor",
        _SUMS,
    ),
    _mutant(
        "what was set aside is left",
        _MONEY,
        " - _t.refunded_minor - _t.set_aside_minor",
        " - _t.refunded_minor",
        _SUMS,
    ),
    _mutant(
        "nothing is moved below zero",
        _MONEY,
        '.where(_t.id == bindparam("of"), _X > 0)',
        '.where(_t.id == bindparam("of"))',
        _SUMS,
    ),
    _mutant(
        "more than was set aside is reserved of it",
        _MONEY,
        "where(_t.set_aside_minor >= _X, _STANDS)",
        "where(_STANDS)",
        _SUMS,
    ),
    _mutant(
        "what is reserved of a set-aside stays there",
        _MONEY,
        ".values(set_aside_minor=_t.set_aside_minor - _X)",
        "",
        _SUMS,
    ),
    _mutant("more than is reserved is released", _MONEY, "_MOVE.where(_t.reserved_minor >= _X)", "_MOVE", _SUMS),
    _mutant(
        "a refund that is done stays reserved",
        _MONEY,
        "        (_t.reserved_minor, _t.reserved_minor - _X),\n",
        "",
        _SUMS,
    ),
    _mutant(
        "what was refunded is free again",
        _MONEY,
        "        (_t.refunded_minor, _GONE),\n",
        "",
        _SUMS,
    ),
    _mutant(
        "a capture may fall",
        _MONEY,
        "_MOVE.where(_t.captured_minor < _X)",
        "_MOVE.where(_t.captured_minor != _X)",
        _SUMS,
    ),
    _mutant(
        "a capture told twice is booked twice",
        _MONEY,
        "values(captured_minor=_X)",
        "values(captured_minor=_t.captured_minor + _X)",
        _SUMS,
    ),
    _mutant(
        "more than is left is set aside", _MONEY, "_SET_ASIDE = _MOVE.where(_LEFT >= _X)", "_SET_ASIDE = _MOVE", _SUMS
    ),
    _mutant(
        "money that was taken back is refunded",
        _MONEY,
        "_t.status != PaymentState.REVERSED.value",
        "_t.status != ''",
        _SUMS,
    ),
    _mutant("money moves under people's eyes", _MONEY, "version=_t.version + 1", "version=_t.version", _SUMS),
    _mutant(
        "whoever comes last writes",
        _SWAPS,
        ', table.c.version == bindparam("as_read"), *alike)',
        ", *alike)",
        _PAYMENT_ROWS,
    ),
    _mutant(
        "what the shop wrote is written over",
        _SWAPS,
        '== bindparam("as_read"), *alike)',
        '== bindparam("as_read"))',
        ("tests/store/test_orders.py",),
    ),
    _mutant("sums are written by anybody", _PAYMENTS, "_FIXED = MONEY | {", "_FIXED = {", _PAYMENT_ROWS),
    _mutant(
        "a payment leaps over its states",
        _PAYMENTS,
        "        states.require(states.PAYMENT, before, after)",
        "        assert before, after",
        _PAYMENT_ROWS,
    ),
    _mutant(
        "a refund leaps over its states",
        _REFUNDS,
        "        states.require(states.REFUND, refund.state, target)\n",
        "",
        _REFUND_ROWS,
    ),
    _mutant(
        "a refund gets another key",
        _REFUNDS,
        "if refund.provider_refund_key not in (",
        "if False and refund.provider_refund_key not in (",
        _REFUND_ROWS,
    ),
    _mutant(
        "a refund is done of which the provider knows nothing",
        _REFUNDS,
        "if target is RefundState.COMPLETED and",
        "if target is RefundState.EXPIRED and",
        _REFUND_ROWS,
    ),
    _mutant(
        "an exact look-alike isn't seen",
        _REFUNDS,
        '_t.refund_amount == bindparam("minor"), _SINCE, _COUNTS)',
        '_t.refund_amount == bindparam("minor"), _SINCE, ~_COUNTS)',
        _REFUND_ROWS,
    ),
    _mutant(
        "limits add up all currencies",
        _REFUNDS,
        '_t.maker == bindparam("of"), _SINCE, _t.currency == bindparam("in_currency"), _COUNTS',
        '_t.maker == bindparam("of"), _SINCE, _COUNTS',
        _REFUND_ROWS,
    ),
    _mutant(
        "an account gives room that others hold",
        _ACCOUNTS,
        "- _t.balance_minor - _t.reserved_minor >= _X",
        "- _t.balance_minor >= _X",
        _LIMITS,
    ),
    _mutant(
        "more is booked than there is room",
        _ACCOUNTS,
        "max(0, min(minor, account.limit_minor - account.balance_minor - held))",
        "max(0, minor)",
        _LIMITS,
    ),
    _mutant(
        "a vote counts as a proposal",
        "console/store/approvals.py",
        "_OPEN = (_t.action == RESOLVE, ",
        "_OPEN = (_t.action != '', ",
        ("tests/store/test_approvals.py",),
    ),
    _mutant(
        "a lapsed refund counts twice",
        "console/store/queue_parts.py",
        'if name == "review" else joined',
        "if not name else joined",
        _QUEUES,
    ),
    _mutant(
        "a page forgets the kinds behind",
        "console/store/queues.py",
        "if found[limit - 1 : limit] and found[limit - 1][0].work == first:",
        "if found[limit - 1 : limit]:",
        _QUEUES,
    ),
)
