"""Random plans of histories: the first record, and the actions of people, shop, provider, bank and clock. A plan is
drawn completely before its execution, so that the whole plan of a failed execution can be printed and read."""

from dataclasses import dataclass

from hypothesis import strategies as st

from console.domain.access.permissions import APPROVER, AUDITOR, OPERATOR
from console.domain.access.read_only import EVERYTHING_SCOPE
from console.domain.payments.limits import LIMIT_NAMES
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import OrderState
from console.domain.payments.states import ENDED_UNPAID_STATES, WAITING_STATES, PaymentState
from console.domain.recovery.records import ProviderStatement
from tests.support.choice_stage import AMOUNT_MINOR

PEOPLE_AT_DESK = ("op-a", "lead-b")


@dataclass(frozen=True)
class PlannedAction:
    """One action in a history: the name of a method of RecordHistory or a subclass without its leading underscore,
    and the method's arguments.
    """

    name: str
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True)
class PaymentPlan:
    """The plan of one payment: its first state and the actions that follow. `statement` is the provider's statement
    about the payment, and `is_unknown` means that its outcome is unknown at first. If `has_order` is False or the
    currency is neither JPY nor INR, another application has imported the payment."""

    state: PaymentState
    statement: ProviderStatement
    is_unknown: bool
    provider: str
    actions: tuple[PlannedAction, ...]
    currency: str = "JPY"
    has_order: bool = True

    @property
    def all_actions(self) -> tuple[PlannedAction, ...]:
        return self.actions


@dataclass(frozen=True)
class CheckPlan:
    """The plan of one credit check: its purchase and the actions that follow. `behaviour` is the provider's behaviour
    at the purchase. `lists_purchases` means that the provider has a list of purchases, `is_readable` that the
    provider can be read. `actions` has each action with the name of the person who executes it."""

    behaviour: str
    lists_purchases: bool
    is_readable: bool
    actions: tuple[tuple[str, PlannedAction], ...]

    @property
    def all_actions(self) -> tuple[PlannedAction, ...]:
        return tuple(act for _, act in self.actions)


def _make_action_strategy(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[PlannedAction]:
    """Return a Hypothesis strategy that draws an action of this name with one value from each given strategy."""
    return st.tuples(*arguments).map(lambda drawn: PlannedAction(name, drawn))


# Minor units: a history writes them in its currency, of which one has no decimals and another has three.
_AMOUNT_STRATEGY = st.sampled_from((100, 300, AMOUNT_MINOR))
_CURRENCY_STRATEGY = st.sampled_from((*["JPY"] * 6, "INR", "KRW", "BHD"))
_BEHAVIOUR_STRATEGY = st.sampled_from(("completes", "silent_after", "silent_before", "refuses", "accepts"))
_ORDER_STRATEGIES = (
    st.sampled_from((AMOUNT_MINOR, AMOUNT_MINOR + 1_100, AMOUNT_MINOR - 300)),
    st.sampled_from((OrderState.PENDING, OrderState.PAID, OrderState.CANCELLED, *OrderState)),
)
_PERSON_STRATEGY = st.sampled_from(PEOPLE_AT_DESK)
_NOTICE_STRATEGIES = (
    st.sampled_from(("payment.succeeded", "payment.failed", "payment.reversed")),
    st.sampled_from(("new", "new", "repeated", "forged", "late")),
    st.sampled_from((AMOUNT_MINOR, AMOUNT_MINOR + 1, 1_000)),
)
_JUMP_MINUTES_STRATEGY = st.sampled_from((3, -3, 300, -300, 2_880, -2_880, 12_960, -12_960))
PAYMENT_ACTION_STRATEGY = st.one_of(
    _make_action_strategy("refund_payment", _AMOUNT_STRATEGY, _BEHAVIOUR_STRATEGY),
    _make_action_strategy("refund_payment", _AMOUNT_STRATEGY, _BEHAVIOUR_STRATEGY),
    _make_action_strategy("follow_advice"),
    _make_action_strategy("follow_advice"),
    _make_action_strategy("follow_refund_advice"),
    _make_action_strategy("change_order_as_shop", *_ORDER_STRATEGIES),
    _make_action_strategy("change_order_as_shop", *_ORDER_STRATEGIES),
    _make_action_strategy("set_provider_statement", st.sampled_from(list(ProviderStatement))),
    _make_action_strategy("probe_payment"),
    _make_action_strategy("move_order"),
    _make_action_strategy("request_refund", _AMOUNT_STRATEGY),
    _make_action_strategy("request_refund", _AMOUNT_STRATEGY, st.just("lead-b")),
    _make_action_strategy(
        "insert_second_payment",
        st.sampled_from((PaymentState.COMPLETED, *PaymentState)),
        st.sampled_from(list(ProviderStatement)),
    ),
    _make_action_strategy("take_payment", _PERSON_STRATEGY),
    _make_action_strategy("approve_refund", _BEHAVIOUR_STRATEGY),
    _make_action_strategy("reject_refund"),
    _make_action_strategy("withdraw_refund"),
    _make_action_strategy("probe_refund"),
    _make_action_strategy(
        "resolve_payment", _PERSON_STRATEGY, st.sampled_from(("completed", "payment_failed", "reversed"))
    ),
    _make_action_strategy("resolve_refund", _PERSON_STRATEGY, st.sampled_from(("completed", "failed"))),
    _make_action_strategy("deliver_notice", *_NOTICE_STRATEGIES),
    _make_action_strategy("run_alert_rules"),
    _make_action_strategy("refund_elsewhere", _AMOUNT_STRATEGY),
    _make_action_strategy("end_refund", st.sampled_from(("done", "done", "void"))),
    _make_action_strategy("set_outage", st.sampled_from((True, False))),
    _make_action_strategy("hide_refunds", st.sampled_from((True, False))),
    _make_action_strategy("run_due_tasks"),
    _make_action_strategy("set_roles", st.just("op-a"), st.sampled_from(((OPERATOR,), (APPROVER,), (AUDITOR,)))),
    _make_action_strategy(
        "set_roles", st.just("lead-b"), st.sampled_from(((), (OPERATOR,), (APPROVER,), (AUDITOR,)))
    ),
    _make_action_strategy("set_limit", st.sampled_from(LIMIT_NAMES), st.sampled_from((0, 200, 1_000))),
    _make_action_strategy("set_refund_period", st.sampled_from((True, False))),
    _make_action_strategy("jump_clock", _JUMP_MINUTES_STRATEGY),
    _make_action_strategy(
        "set_switch", st.sampled_from((EVERYTHING_SCOPE, "paypay", "paypay")), st.sampled_from((True, True, False))
    ),
)
CHECK_ACTION_STRATEGY = st.one_of(
    *(
        _make_action_strategy("execute_check_action", st.just(name))
        for name in ("probe", "refetch", "resolve.success", "resolve.error", "buy")
    ),
    _make_action_strategy("follow_advice"),
    _make_action_strategy("jump_clock", _JUMP_MINUTES_STRATEGY),
    _make_action_strategy(
        "set_switch", st.sampled_from((EVERYTHING_SCOPE, CREDIT_CHECK_PROVIDER)), st.sampled_from((True, True, False))
    ),
)


def _make_payment_plan(
    state: PaymentState,
    statement: ProviderStatement,
    is_unknown: bool,
    provider: str,
    actions: list[PlannedAction],
    currency: str,
    has_order: bool,
) -> PaymentPlan:
    can_be_unknown = state in WAITING_STATES | ENDED_UNPAID_STATES
    return PaymentPlan(state, statement, is_unknown and can_be_unknown, provider, tuple(actions), currency, has_order)


PAYMENT_PLAN_STRATEGY = st.builds(
    _make_payment_plan,
    st.sampled_from((*[PaymentState.COMPLETED] * 10, *PaymentState)),
    st.sampled_from((ProviderStatement.PAID, ProviderStatement.NOTHING, *ProviderStatement)),
    st.booleans(),
    st.sampled_from(("paypay", "paypay", "paypay", "bank", "atom")),
    st.lists(PAYMENT_ACTION_STRATEGY, min_size=1, max_size=5),
    _CURRENCY_STRATEGY,
    st.sampled_from((True, True, True, False)),
)
CHECK_PLAN_STRATEGY = st.builds(
    CheckPlan,
    st.sampled_from(("answers", "silent_after_charge", "silent_before_charge", "refuses")),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(_PERSON_STRATEGY, CHECK_ACTION_STRATEGY), min_size=1, max_size=4).map(tuple),
)
PLAN_STRATEGY = st.one_of(
    PAYMENT_PLAN_STRATEGY,
    PAYMENT_PLAN_STRATEGY.map(lambda plan: plan),
    PAYMENT_PLAN_STRATEGY.filter(bool),
    CHECK_PLAN_STRATEGY,
)
"""Strategy that draws a plan: three plans of a payment for each plan of a credit check."""
