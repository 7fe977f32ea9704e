"""The decision table of recovery: what may be done about a record in its present state, and why something may not.

Each row is one choice for one kind of record, with the rules that rule it out, the first that holds saying why. The
services that act follow the same rules; screens read this table and decide nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from console.domain import choice_effects
from console.domain.choice_records import Asks, Choice, Effect, Evidence, Facts, Matter, Told
from console.domain.deciding import is_open_check, is_open_refund, why_not_decide, why_not_move
from console.domain.explain_payments import may_be_reversed_until
from console.domain.order_records import Order, Payment, Refund
from console.domain.payment_records import PaymentState, RefundState
from console.domain.permissions import ROLES_FOR, may, same_person
from console.domain.records import Certainty, CheckState, CreditCheck

_P, _R = PaymentState, RefundState
PAPER = (Evidence.SETTLEMENT, Evidence.FILE, Evidence.LETTER)
Why = Callable[[Facts], str | None]
"""A rule: the reason (without its family) for which the facts rule a choice out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One choice of the table. `second`: whether one person is not enough; `target`: the state it ends in."""

    what: str
    right: str
    rules: tuple[Why, ...] = ()
    rests_on: Callable[[Facts], tuple[Evidence, ...]] = lambda _facts: ()
    second: Callable[[Facts], bool] = lambda _facts: False
    effect: Callable[[Facts], Effect | None] = lambda _facts: None
    target: str | None = None
    warning: Callable[[Facts], str | None] = lambda _facts: None


# Rules


def _running(facts: Facts) -> str | None:
    return "in_progress" if facts.running else None


def _busy(facts: Facts) -> str | None:
    return "in_progress" if facts.running or facts.held else None


def _busy_if_unknown(facts: Facts) -> str | None:
    """A known record is compared beside whatever else is done; an unknown one is asked about by one at a time."""
    return _busy(facts) if _unknown(facts.record) else _running(facts)


def _unasked(facts: Facts) -> str | None:
    if facts.asks is Asks.NOT_SET_UP and _would_ask(facts.record):
        return "provider_not_set_up"
    if facts.asks is not Asks.NO_CALL or not _unknown(facts.record):
        return None
    return "no_list_call" if isinstance(facts.record, CreditCheck) else "no_read_call"


def _not_set_up(facts: Facts) -> str | None:
    return "provider_not_set_up" if facts.asks is Asks.NOT_SET_UP else None


def _not_refetchable(facts: Facts) -> str | None:
    check = _check(facts)
    if check.state is not CheckState.SUCCESS or check.credit_check_id is None:
        return "not_bought"
    return "viewing_over" if check.viewing_over else None


def _claimed(facts: Facts) -> str | None:
    check = _check(facts)
    if check.certainty is Certainty.UNKNOWN:
        return "bought_perhaps"
    if check.live:
        return "bought_already"
    return "claimed_by_other" if facts.claimed else None


def _decided_check(facts: Facts) -> str | None:
    return None if is_open_check(_check(facts)) else "outcome_known"


def _decided_refund(facts: Facts) -> str | None:
    return None if is_open_refund(_refund(facts)) else "outcome_known"


def _decided_payment(target: PaymentState) -> Why:
    return lambda facts: why_not_decide(_payment(facts), target)


def _denied(*agrees: Told) -> Why:
    """The provider says otherwise, and lately: it would be asked first, and its word counts more."""
    silent = (Told.NOTHING, Told.NOT_FOUND, Told.OTHER_AMOUNT)
    return lambda facts: None if facts.told in (*agrees, *silent) else "provider_says_otherwise"


def _half_decided(target: str, *, others_stand: bool) -> Why:
    """Whoever made the first half can't make the second; `others_stand`: another first half is in the way too."""

    def why(facts: Facts) -> str | None:
        if facts.proposed is None or facts.person is None or not _on_paper(facts):
            return None
        if facts.proposed.state != target:
            return "other_proposal" if others_stand else None
        return "own_first_half" if same_person(facts.person.name, facts.proposed.person) else None

    return why


def _not_movable(facts: Facts) -> str | None:
    if facts.payment is None:
        return "no_payment"
    return why_not_move(facts.payment, facts.order, covered=facts.covered)


def _no_payment(facts: Facts) -> str | None:
    return "no_payment" if facts.payment is None else None


def _no_refund(facts: Facts) -> str | None:
    return facts.refund_off


def _taken(facts: Facts) -> str | None:
    if facts.taken is None or facts.person is None:
        return None
    return None if same_person(facts.taken.person, facts.person.name) else "taken"


def _orders_follow(_facts: Facts) -> str:
    return "order_follows"


# What the rules look at


def _unknown(record: Matter) -> bool:
    return not isinstance(record, Order) and record.certainty is Certainty.UNKNOWN


def _would_ask(record: Matter) -> bool:
    """Whether a probe of it asks anybody: what was never sent, or not bought, has nothing to be asked about."""
    if isinstance(record, CreditCheck):
        bought = record.state is CheckState.SUCCESS and record.credit_check_id is not None
        return _unknown(record) or (bought and not record.viewing_over)
    return not isinstance(record, Refund) or _unknown(record) or record.provider_refund_key is not None


def _on_paper(facts: Facts) -> bool:
    """Whether the provider's word settles nothing, so that two people are needed."""
    return facts.told in (Told.NOTHING, Told.NOT_FOUND, Told.OTHER_AMOUNT)


def _check(facts: Facts) -> CreditCheck:
    assert isinstance(facts.record, CreditCheck)  # noqa: S101  (the table's rows are by kind)
    return facts.record


def _payment(facts: Facts) -> Payment:
    assert isinstance(facts.record, Payment)  # noqa: S101  (the table's rows are by kind)
    return facts.record


def _refund(facts: Facts) -> Refund:
    assert isinstance(facts.record, Refund)  # noqa: S101  (the table's rows are by kind)
    return facts.record


def _reversible(facts: Facts) -> str | None:
    until = may_be_reversed_until(facts.payment) if facts.payment is not None else None
    return "warning.may_be_reversed" if until is not None and facts.now < until else None


def _by_word(facts: Facts) -> tuple[Evidence, ...]:
    """What the provider confirms needs nothing else; what it doesn't rests on paper."""
    return PAPER if _on_paper(facts) else (Evidence.READ,)


# The table

_TAKE = Row("take", "take", (_taken,))
_NOTE = Row("note", "note")


def _deciding(target: PaymentState, *agrees: Told) -> Row:
    rules = (_busy, _decided_payment(target), _denied(*agrees), _half_decided(target.value, others_stand=True))
    return Row(
        f"resolve.{target}", "resolve", rules, _by_word, _on_paper,
        lambda facts: choice_effects.payment(facts, target), target.value,
    )  # fmt: skip


def _deciding_refund(target: RefundState) -> Row:
    rules = (_decided_refund, _not_set_up, _busy, _half_decided(target.value, others_stand=False))
    return Row(
        f"resolve.{target}", "resolve", rules, _by_word, _on_paper,
        lambda facts: choice_effects.refund(facts, target), target.value,
    )  # fmt: skip


_MOVE = Row("move_order", "probe", (_not_movable,), effect=choice_effects.moved)
_GIVE_BACK = Row("refund", "refund_request", (_no_refund,), second=lambda _facts: True, warning=_reversible)

TABLE: Mapping[str, Sequence[Row]] = {
    "credit-check": (
        Row("probe", "probe", (_busy_if_unknown, _unasked), lambda _facts: (Evidence.READ,)),
        Row("refetch", "refetch", (_not_refetchable, _not_set_up, _busy), lambda _facts: (Evidence.READ,)),
        Row(
            "resolve.success", "resolve", (_decided_check, _not_set_up, _busy), lambda _facts: (Evidence.READ,),
            effect=lambda facts: choice_effects.check(facts, CheckState.SUCCESS), target="success",
        ),
        Row(
            "resolve.error", "resolve", (_decided_check, _busy, _half_decided("error", others_stand=False)),
            lambda _facts: PAPER, lambda _facts: True,
            lambda facts: choice_effects.check(facts, CheckState.ERROR), "error",
        ),
        Row("buy", "purchase", (_claimed, _not_set_up)),
        _TAKE,
        _NOTE,
    ),
    "payment": (
        Row("probe", "probe", (_busy, _unasked), lambda _facts: (Evidence.READ,)),
        _MOVE,
        _deciding(_P.COMPLETED, Told.PAID),
        _deciding(_P.PAYMENT_FAILED, Told.FAILED, Told.EXPIRED),
        _deciding(_P.REVERSED, Told.FAILED),
        _GIVE_BACK,
        _TAKE,
        _NOTE,
    ),
    "order": (
        Row("probe", "probe", (_no_payment, _busy, _unasked), lambda _facts: (Evidence.READ,)),
        _MOVE,
        Row("resolve", "resolve", (_orders_follow,)),
        _TAKE,
        _NOTE,
    ),
    "refund": (
        Row("probe", "probe", (_busy_if_unknown, _unasked), lambda _facts: (Evidence.READ,)),
        _deciding_refund(_R.COMPLETED),
        _deciding_refund(_R.FAILED),
        _GIVE_BACK,
        _TAKE,
        _NOTE,
    ),
}  # fmt: skip


def kind_of(record: Matter) -> str:
    """The kind of a record, as the table has it."""
    if isinstance(record, CreditCheck):
        return "credit-check"
    if isinstance(record, Order):
        return "order"
    return "payment" if isinstance(record, Payment) else "refund"


def choices(facts: Facts) -> tuple[Choice, ...]:
    """Every choice that the table has for this record, those ruled out with the reason."""
    return tuple(_choice(row, facts) for row in TABLE[kind_of(facts.record)])


def choice(facts: Facts, what: str) -> Choice:
    """One of them. Raises KeyError for what the table doesn't have."""
    rows = {row.what: row for row in TABLE[kind_of(facts.record)]}
    return _choice(rows[what], facts)


def _choice(row: Row, facts: Facts) -> Choice:
    right = "resolve_second" if _is_second(row, facts) else row.right
    plain = Choice(
        row.what, True, tuple(sorted(ROLES_FOR[right])), second_person=row.second(facts),
        rests_on=row.rests_on(facts), effect=row.effect(facts), warning=row.warning(facts),
    )  # fmt: skip
    reason = next((why for rule in row.rules if (why := rule(facts)) is not None), None)
    if reason is not None:
        told = {"holder": facts.taken.person, "until": facts.taken.until} if reason == "taken" and facts.taken else {}
        return replace(plain, allowed=False, reason=f"reason.{reason}", facts=told, effect=None)
    if facts.person is None or may(facts.person, right):
        return plain
    lacks = "may_not_buy" if right == "purchase" and facts.person.roles & ROLES_FOR[right] else "role"
    return replace(plain, allowed=False, reason=f"reason.{lacks}", facts={"needs": plain.who})


def _is_second(row: Row, facts: Facts) -> bool:
    """Whether doing it now would be the second half of the decision."""
    return facts.proposed is not None and facts.proposed.state == row.target and row.second(facts)
