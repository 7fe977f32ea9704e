"""Mutants in the code that moves money: amounts, conditional updates, states, the providers' keys of refunds, limits,
votes, read-only switches and queues."""

from tests.mutants.mutant import Mutant, SourceChange

_BALANCES_FILE = "console/store/payments/balances.py"
_PAYMENTS_FILE, _REFUNDS_FILE = (f"console/store/{name}/{name}.py" for name in ("payments", "refunds"))
_ACCOUNTS_FILE = "console/store/payments/account_limits.py"
_SWAPS_FILE = "console/store/database/compare_and_swap.py"
_BALANCES_TESTS = ("tests/store/payments/test_balances.py",)
_REFUNDS_TESTS = ("tests/store/refunds/test_refunds.py",)
_PAYMENTS_TESTS = ("tests/store/payments/test_payments.py",)
_LIMITS_TESTS = ("tests/store/payments/test_limits.py",)
_QUEUE_TESTS = ("tests/store/queues/test_queues.py",)


def _make_mutant(name: str, file: str, old_text: str, new_text: str, tests: tuple[str, ...]) -> Mutant:
    return Mutant(name, (SourceChange(file, old_text, new_text),), tests, "sqlite")


def _make_mutant_without_engine(name: str, file: str, old_text: str, new_text: str, tests: tuple[str, ...]) -> Mutant:
    """Return a mutant whose tests have no parameter for the engine."""
    return Mutant(name, (SourceChange(file, old_text, new_text),), tests, "")


MONEY_MUTANTS: tuple[Mutant, ...] = (
    _make_mutant(
        "more than is left is reserved",
        _BALANCES_FILE,
        "_ADD_TO_RESERVED_STATEMENT.where(\n"
        "    _REFUNDABLE_AMOUNT_EXPRESSION >= _AMOUNT_MINOR_PARAMETER, _NOT_REVERSED_CONDITION\n)",
        "_ADD_TO_RESERVED_STATEMENT.where(_NOT_REVERSED_CONDITION)",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "what open refunds hold is left",
        _BALANCES_FILE,
        "    payments.c.captured_minor\n    - payments.c.reserved_minor\n",
        "    payments.c.captured_minor\n",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "what was set aside is left",
        _BALANCES_FILE,
        "    - payments.c.refunded_minor\n    - payments.c.set_aside_minor\n",
        "    - payments.c.refunded_minor\n",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "what was given back outside is left",
        _BALANCES_FILE,
        "    - payments.c.set_aside_minor\n    - payments.c.outside_minor\n",
        "    - payments.c.set_aside_minor\n",
        ("tests/services/payments/test_outside_refunds.py",),
    ),
    Mutant(
        "an amount given back outside is not that of the second person",
        (
            SourceChange(
                "console/store/constraints/payments.py",
                "    condition_sql=\"e.body LIKE CONCAT('number ', NEW.outside_minor - OLD.outside_minor, ' %')"
                ' AND "\n',
                '    condition_sql=""\n',
            ),
        ),
        ("tests/services/payments/test_outside_refunds.py::test_a_server_binds_the_amount_to_both_statements",),
        "mariadb",
    ),
    _make_mutant(
        "an amount of zero or less is moved",
        _BALANCES_FILE,
        '.where(payments.c.id == bindparam("payment_id"), _AMOUNT_MINOR_PARAMETER > 0)',
        '.where(payments.c.id == bindparam("payment_id"))',
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "more than was set aside is reserved of it",
        _BALANCES_FILE,
        "where(\n    payments.c.set_aside_minor >= _AMOUNT_MINOR_PARAMETER, _NOT_REVERSED_CONDITION\n)",
        "where(_NOT_REVERSED_CONDITION)",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "what is reserved of a set-aside stays there",
        _BALANCES_FILE,
        ".values(set_aside_minor=payments.c.set_aside_minor - _AMOUNT_MINOR_PARAMETER)",
        "",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "more than is reserved is released",
        _BALANCES_FILE,
        "_UPDATE_PAYMENT_AMOUNTS_STATEMENT.where(\n    payments.c.reserved_minor >= _AMOUNT_MINOR_PARAMETER\n)",
        "_UPDATE_PAYMENT_AMOUNTS_STATEMENT",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "a refund that is done stays reserved",
        _BALANCES_FILE,
        "        (payments.c.reserved_minor, payments.c.reserved_minor - _AMOUNT_MINOR_PARAMETER),\n",
        "",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "what was refunded is free again",
        _BALANCES_FILE,
        "        (payments.c.refunded_minor, _NEW_REFUNDED_AMOUNT_EXPRESSION),\n",
        "",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "a capture may fall",
        _BALANCES_FILE,
        "payments.c.captured_minor < _AMOUNT_MINOR_PARAMETER",
        "payments.c.captured_minor != _AMOUNT_MINOR_PARAMETER",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "a capture told twice is booked twice",
        _BALANCES_FILE,
        ".values(captured_minor=_AMOUNT_MINOR_PARAMETER)",
        ".values(captured_minor=payments.c.captured_minor + _AMOUNT_MINOR_PARAMETER)",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "more than is left is set aside",
        _BALANCES_FILE,
        "_SET_ASIDE_STATEMENT = _UPDATE_PAYMENT_AMOUNTS_STATEMENT.where(\n"
        "    _REFUNDABLE_AMOUNT_EXPRESSION >= _AMOUNT_MINOR_PARAMETER\n)",
        "_SET_ASIDE_STATEMENT = _UPDATE_PAYMENT_AMOUNTS_STATEMENT",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "money that was taken back is refunded",
        _BALANCES_FILE,
        "payments.c.status != PaymentState.REVERSED.value",
        "payments.c.status != ''",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "money moves under people's eyes",
        _BALANCES_FILE,
        "version=payments.c.version + 1",
        "version=payments.c.version",
        _BALANCES_TESTS,
    ),
    _make_mutant(
        "whoever comes last writes",
        _SWAPS_FILE,
        ', table.c.version == bindparam("version_as_read"), *same_sql',
        ", *same_sql",
        _PAYMENTS_TESTS,
    ),
    _make_mutant(
        "what the shop wrote is written over",
        _SWAPS_FILE,
        '== bindparam("version_as_read"), *same_sql',
        '== bindparam("version_as_read")',
        ("tests/store/payments/test_orders.py",),
    ),
    _make_mutant(
        "sums are written by anybody",
        _PAYMENTS_FILE,
        "_COLUMNS_NEVER_CHANGED = MONEY_COLUMNS | {",
        "_COLUMNS_NEVER_CHANGED = {",
        _PAYMENTS_TESTS,
    ),
    _make_mutant(
        "a payment leaps over its states",
        _PAYMENTS_FILE,
        "        states.require_transition(PAYMENT_TRANSITIONS, former_state, next_state)",
        "        assert former_state, next_state",
        _PAYMENTS_TESTS,
    ),
    _make_mutant(
        "a refund leaps over its states",
        _REFUNDS_FILE,
        "        states.require_transition(states.REFUND_TRANSITIONS, refund.state, new_state)\n",
        "",
        _REFUNDS_TESTS,
    ),
    _make_mutant(
        "a refund gets another key",
        _REFUNDS_FILE,
        "if refund.provider_refund_key not in (",
        "if False and refund.provider_refund_key not in (",
        _REFUNDS_TESTS,
    ),
    _make_mutant(
        "a refund is done of which the provider knows nothing",
        _REFUNDS_FILE,
        "if new_state is RefundState.COMPLETED and",
        "if new_state is RefundState.EXPIRED and",
        _REFUNDS_TESTS,
    ),
    _make_mutant(
        "an exact look-alike isn't seen",
        _REFUNDS_FILE,
        'refunds.c.refund_amount == bindparam("amount_minor"), _CREATED_SINCE_CONDITION, _MAY_MOVE_MONEY_CONDITION\n',
        'refunds.c.refund_amount == bindparam("amount_minor"), _CREATED_SINCE_CONDITION, '
        "~_MAY_MOVE_MONEY_CONDITION\n",
        _REFUNDS_TESTS,
    ),
    _make_mutant(
        "limits add up all currencies",
        _REFUNDS_FILE,
        ".group_by(refunds.c.maker, refunds.c.currency)",
        ".group_by(refunds.c.maker)",
        _REFUNDS_TESTS,
    ),
    _make_mutant(
        "an account gives room that others hold",
        _ACCOUNTS_FILE,
        "- accounts.c.balance_minor - accounts.c.reserved_minor >= _AMOUNT_MINOR_PARAMETER",
        "- accounts.c.balance_minor >= _AMOUNT_MINOR_PARAMETER",
        _LIMITS_TESTS,
    ),
    _make_mutant(
        "more is booked than there is room",
        _ACCOUNTS_FILE,
        "max(0, min(amount_minor, account.limit_minor - account.balance_minor - reserved_minor))",
        "max(0, amount_minor)",
        _LIMITS_TESTS,
    ),
    _make_mutant(
        "a vote counts as a proposal",
        "console/store/refunds/approvals.py",
        "_OPEN_PROPOSAL_CONDITIONS = (approvals.c.action == RESOLVE_ACTION, ",
        "_OPEN_PROPOSAL_CONDITIONS = (approvals.c.action != '', ",
        ("tests/store/refunds/test_approvals.py",),
    ),
    _make_mutant_without_engine(
        "a provider's read-only switch doesn't stop its refunds",
        "console/services/refunds/submit.py",
        "        refuse_if_read_only(conn, pair.payment.provider)\n",
        "",
        ("tests/services/access/test_read_only.py",),
    ),
    _make_mutant_without_engine(
        "read-only doesn't stop a purchase",
        "console/services/credit_checks/purchase.py",
        "        refuse_if_read_only(conn, CREDIT_CHECK_PROVIDER)\n",
        "",
        ("tests/cli/access/test_read_only.py",),
    ),
    _make_mutant_without_engine(
        "read-only doesn't stop what people change",
        "console/services/process/context.py",
        "            if may_be_stopped:\n",
        "            if False:\n",
        ("tests/cli/access/test_read_only.py",),
    ),
    _make_mutant(
        "a lapsed refund counts twice",
        "console/store/queues/table_queries.py",
        'self.work_state != "needs_review") if queue_name == "review" else rows]\n',
        'self.work_state != "needs_review") if not queue_name else rows]\n',
        _QUEUE_TESTS,
    ),
    _make_mutant(
        "a page forgets the kinds behind",
        "console/store/queues/queues.py",
        "        if queue_name in kind_queries.conditions_by_queue:\n",
        "        if queue_name in kind_queries.conditions_by_queue and len(entries) < limit:\n",
        _QUEUE_TESTS,
    ),
)
