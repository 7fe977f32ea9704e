"""Histories of payments, orders, refunds and credit checks against the real services, and what must hold of every
record after each act: all places tell the same, unknown is never told as known, and advice is never refused.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from console.cli.json_output import views as json_views
from console.domain.explanations.records import explain_record
from console.domain.payments.consistency import ENDED_UNPAID_STATES, WAITING_STATES
from console.domain.payments.records import OrderState, Payment, Refund, RefundRequest
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, CreditCheck, PurchaseRequest
from console.domain.recovery.records import ProviderStatement
from console.domain.service_results import AllowedAction, CertaintyBadge, Explanation, WorkBadge
from console.store.operations import journal
from console.store.records import any_record
from console.views.presenters import records as case_words
from console.wording import catalogue as wording
from tests.support.choice_stage import MINOR, Stage, ending

HAPPENED = frozenset(
    {"done", "awaiting", "outcome_unknown", "provider_unreachable", "provider_refused", "evidence_mismatch"}
)
"""Endings of an act that no rule has refused: it was done, or a provider was asked and said what was not knowable."""
DESKS_PEOPLE = ("op-a", "lead-b")
_REASONS_OF_A_PERSON = frozenset(
    f"reason.{name}"
    for name in (
        "role",
        "may_not_buy",
        "own_first_half",
        "other_proposal",
        "refund_own",
        "refund_approved_by_you",
        "provider_says_otherwise",
    )
)
"""Reasons for which one person can't act, but another one may; and what the provider said a moment ago."""
REFUND_BEHAVIOURS = ("completes", "silent_after", "silent_before", "refuses", "accepts")


@dataclass
class Told:
    """One record of a history: its kind and id, and since when its present state holds."""

    kind: str
    id: int
    since: dict[tuple[object, object], object] = field(default_factory=dict)


def read_view(stage: Stage, kind: str, record_id: int) -> Any:
    """The page of a record."""
    return stage.console.recovery.read_record(kind, record_id)


def read_row(stage: Stage, kind: str, record_id: int) -> Any:
    """The record as a list reads it."""
    readers = stage.console._service_builder.readers
    with stage.context.database.read() as conn:
        record = any_record.find(conn, kind, record_id, journal.lapsed_by_kind(conn))
        assert record is not None
        return readers.complete_record(conn, record)


def check_told(stage: Stage, told: Told) -> Any:
    """Everything that must hold of a record now. Return its page."""
    view, row = read_view(stage, told.kind, told.id), read_row(stage, told.kind, told.id)
    now = stage.context.now()
    page, listed = view.explanation, explain_record(row, now)
    assert _words(page) == _words(listed), f"{told}: the page says {_words(page)}, the list {_words(listed)}"
    _check_places_agree(view, row, page, now)
    _check_unknown(view, page)
    _check_nothing_contradicts(view, page)
    _check_refunds(stage, view, page)
    _check_advice(view, page)
    _check_age(told, row)
    return view


def _words(explanation: Explanation) -> tuple[object, ...]:
    step = explanation.next_step
    return (
        explanation.verdict,
        explanation.why,
        step.code,
        step.command,
        step.action,
        explanation.certainty,
        explanation.work,
    )


def _check_places_agree(view: Any, row: Any, page: Explanation, now: Any) -> None:
    """The window's badges, the row's badges and the terminal's JSON come from the same explanation."""
    assert case_words.view_badges(view)[1:] == case_words.badge_keys(row, now)[1:]
    assert case_words.certainty_key(row, now) == f"certainty.{page.certainty}"
    assert case_words.work_key(row, now) == f"work.{page.work}"
    shown = json_views.view_json(view, _translate)
    assert shown["verdict"] == _translate(page.verdict, **page.facts)
    assert shown["next_step"]["command"] == page.next_step.command


def _translate(key: str, /, **facts: Any) -> str:
    return wording.translate(key, "en", **wording.format_amounts(facts))


def _check_unknown(view: Any, page: Explanation) -> None:
    """What is unknown is told as unknown: by its badge, its colour and its verdict."""
    record = view.record
    refunds = getattr(view, "refunds", ())
    is_unknown = getattr(record, "certainty", None) is Certainty.UNKNOWN
    has_unknown_refund = isinstance(record, Payment) and any(one.certainty is Certainty.UNKNOWN for one in refunds)
    if is_unknown or has_unknown_refund:
        assert page.certainty is CertaintyBadge.UNKNOWN, page
        assert page.verdict.endswith(("unknown", "only_desk_knows")), page.verdict
        assert case_words.verdict_look(page)[1] == "unknown"
        assert page.work is not WorkBadge.NONE, page
    if is_unknown and isinstance(record, CreditCheck):
        refused = {action.action: action.reason for action in view.actions if not action.allowed}
        assert "reason.not_bought" not in refused.values(), refused


def _check_nothing_contradicts(view: Any, page: Explanation) -> None:
    """Badges, verdict, sides and next step of one screen don't contradict each other."""
    record = view.record
    if page.work is WorkBadge.NONE:
        assert page.may_act == () or page.next_step.action in (None, "open_payment"), page
    if page.next_step.code == "next.nothing":
        assert page.work in (WorkBadge.NONE, WorkBadge.SCHEDULED), page
        assert page.certainty is not CertaintyBadge.SIDES_DISAGREE, page
    if page.certainty in (CertaintyBadge.KNOWN, CertaintyBadge.OLD) and isinstance(record, Payment):
        assert not any(side.differs for side in view.sides), (page.verdict, view.sides)
    if isinstance(record, Payment) and any(one.state is RefundState.REQUESTED for one in view.refunds):
        assert page.next_step.code != "next.nothing"
        assert not _find(view.actions, "refund").allowed
    if isinstance(record, Refund):
        assert view.sides[0].state == record.state.value
        assert view.sides[0].minor == -record.amount_minor


def _check_refunds(stage: Stage, view: Any, page: Explanation) -> None:
    """The refunds that the table has for a payment, read past the services, are in what is told of the payment."""
    if not isinstance(view.record, Payment):
        return
    with stage.context.database.read() as conn:
        sql = "SELECT status, certainty FROM refunds WHERE payment_id = ?"
        stored = [tuple(row) for row in conn.exec_driver_sql(sql, (view.record.id,))]
    if any(certainty == "unknown" for _, certainty in stored):
        assert page.certainty is CertaintyBadge.UNKNOWN, (stored, page)
        assert page.next_step.action != "refund", (stored, page)
    if any(status in ("requested", "approved") for status, _ in stored):
        assert page.next_step.code not in ("next.nothing", "next.payment_refund_off"), (stored, page)
        assert page.next_step.action != "refund", (stored, page)
        assert not _find(view.actions, "refund").allowed, stored


def _check_advice(view: Any, page: Explanation) -> None:
    """What is advised is not refused by a rule about the facts."""
    advised = next((action for action in view.actions if action.action == page.next_step.action), None)
    if advised is not None and not advised.allowed:
        assert advised.reason in _REASONS_OF_A_PERSON, (advised, page)


def _check_age(told: Told, row: Any) -> None:
    """Since when a state holds doesn't change while the state is the same."""
    key = (row.state, getattr(row, "certainty", None))
    if told.since and key not in told.since:
        told.since.clear()
    assert told.since.setdefault(key, row.state_since) == row.state_since, f"{told}: {key} began again"


def follow_advice(stage: Stage, kind: str, record_id: int) -> str:
    """Do what the page of the record offers first. It must be possible for somebody, and not be refused."""
    advised = read_view(stage, kind, record_id).explanation.next_step.action
    if advised not in _FOLLOWED:
        return "nothing"
    reasons = set()
    for person in DESKS_PEOPLE:
        with stage.console.acting_as(person):
            view = read_view(stage, kind, record_id)
        reasons |= {action.reason for action in view.actions if action.action == advised}
        if is_possible(view, advised):
            said = _FOLLOWED[advised](stage, person, kind, view)
            assert said in HAPPENED, f"{person} was told to {advised} {kind} {record_id}: {said} ({view.explanation})"
            return f"{advised}: {said}"
    if "reason.own_first_half" in reasons and reasons <= _REASONS_OF_A_PERSON:
        return f"{advised}: the only approver of this desk has proposed it"
    refused = {action.action: action.reason for action in view.actions}
    raise AssertionError(f"nobody can {advised} {kind} {record_id}: {refused}, {view.explanation}")


def is_possible(view: Any, name: str) -> bool:
    return name == "purchase" or _find(view.actions, name).allowed


def _find(actions: tuple[AllowedAction, ...], name: str) -> AllowedAction:
    return next(action for action in actions if action.action == name)


def _do(name: str) -> Callable[[Stage, str, str, Any], str]:
    return lambda stage, person, kind, view: stage.does(person, kind, view.record, name)


def _resolve(stage: Stage, person: str, kind: str, view: Any) -> str:
    choices = stage.choices(person, kind, view.record.id)
    possible = [what for what, choice in choices.items() if what.startswith("resolve") and choice.allowed]
    assert possible, choices
    return stage.does(person, kind, view.record, possible[0])


def _buy(stage: Stage, person: str, _kind: str, view: Any) -> str:
    request = PurchaseRequest(view.record.corporation_number, view.record.client_id)
    return str(stage.by(person, lambda: ending(lambda: stage.console.credit_checks.purchase(request))))


def _approve(stage: Stage, _person: str, _kind: str, view: Any) -> str:
    """An approval asks the provider first; only its fresh answer may refuse what the page offered."""
    refund_id = view.record.id
    ended = str(stage.by("lead-b", lambda: ending(lambda: stage.console.refunds.approve(refund_id))))
    is_contradicted = stage.says[view.payment.merchant_payment_id] is not ProviderStatement.PAID
    return "provider_refused" if ended == "not_allowed" and is_contradicted else ended


_FOLLOWED: dict[str, Callable[[Stage, str, str, Any], str]] = {
    "probe": _do("probe"),
    "refetch": _do("refetch"),
    "move_order": _do("move_order"),
    "refund": _do("refund"),
    "resolve": _resolve,
    "purchase": _buy,
    "approve": _approve,
}


# Histories of a payment


@dataclass
class PaymentHistory:
    """One payment with its order and its refunds, and the acts of people, shop and provider."""

    stage: Stage
    payment: Payment
    told: list[Told] = field(default_factory=list)

    def do(self, act: str, draw: Callable[[Any], Any]) -> str:
        """Do one act. Whatever a service refuses is refused with a code."""
        return str(getattr(self, f"_{act}")(draw))

    def _shop_changes(self, draw: Callable[[Any], Any]) -> str:
        total = draw(st.sampled_from((MINOR, MINOR + 1_100, MINOR - 300)))
        state = draw(st.sampled_from((OrderState.PENDING, OrderState.PAID, OrderState.CANCELLED)))
        number = self.payment.merchant_payment_id

        def write(tx: Any) -> None:
            sql = "UPDATE orders SET total_amount = ?, status = ? WHERE merch_txn_id = ?"
            tx.conn.exec_driver_sql(sql, (total, state.value, number))

        try:
            self.stage.context.database.write(write)
        except IntegrityError:
            return "no such step"
        return f"{total} {state}"

    def _provider_says(self, draw: Callable[[Any], Any]) -> str:
        said = draw(st.sampled_from(list(ProviderStatement)))
        self.stage.says[self.payment.merchant_payment_id] = said
        return str(said)

    def _probe(self, _draw: Callable[[Any], Any]) -> str:
        return self.stage.does("op-a", "payment", self.payment, "probe")

    def _move_order(self, _draw: Callable[[Any], Any]) -> str:
        return self.stage.does("op-a", "payment", self.payment, "move_order")

    def _request_refund(self, draw: Callable[[Any], Any]) -> str:
        amount = str(draw(st.sampled_from((100, 300, MINOR))))
        request = RefundRequest(self.payment.id, amount, "returned", intended_repeat=True)
        return str(self.stage.by("op-a", lambda: ending(lambda: self.stage.console.refunds.request(request))))

    def _refund(self, draw: Callable[[Any], Any]) -> str:
        """Requested, approved and sent at once."""
        return f"{self._request_refund(draw)}, {self._approve_refund(draw)}"

    def _approve_refund(self, draw: Callable[[Any], Any]) -> str:
        behaviour = draw(st.sampled_from(REFUND_BEHAVIOURS))
        self.stage.ledger.behaviour = behaviour
        return f"{behaviour}: {self._with_newest('lead-b', self.stage.console.refunds.approve)}"

    def _reject_refund(self, _draw: Callable[[Any], Any]) -> str:
        return self._with_newest("lead-b", lambda refund_id: self.stage.console.refunds.reject(refund_id, "no"))

    def _withdraw_refund(self, _draw: Callable[[Any], Any]) -> str:
        return self._with_newest("op-a", self.stage.console.refunds.withdraw)

    def _probe_refund(self, _draw: Callable[[Any], Any]) -> str:
        return self._with_newest("op-a", lambda refund_id: self.stage.console.recovery.probe("refund", refund_id))

    def _resolve_payment(self, draw: Callable[[Any], Any]) -> str:
        person = draw(st.sampled_from(DESKS_PEOPLE))
        target = draw(st.sampled_from(("completed", "payment_failed", "reversed")))
        return self.stage.does(person, "payment", self.payment, f"resolve.{target}")

    def _follow_advice(self, _draw: Callable[[Any], Any]) -> str:
        return follow_advice(self.stage, "payment", self.payment.id)

    def _follow_refund_advice(self, _draw: Callable[[Any], Any]) -> str:
        newest = self._newest_refund()
        return "nothing" if newest is None else follow_advice(self.stage, "refund", newest)

    def _with_newest(self, who: str, act: Callable[[int], Any]) -> str:
        newest = self._newest_refund()
        return "nothing" if newest is None else self.stage.by(who, lambda: ending(lambda: act(newest)))

    def _newest_refund(self) -> int | None:
        view = read_view(self.stage, "payment", self.payment.id)
        return max((refund.id for refund in view.refunds), default=None)

    def check(self) -> None:
        """Every record of the history is told as it is."""
        view = self._check("payment", self.payment.id)
        if view.record.order_id is not None:
            self._check("order", view.record.order_id)
        for refund in view.refunds:
            self._check("refund", refund.id)

    def _check(self, kind: str, record_id: int) -> Any:
        told = next((one for one in self.told if (one.kind, one.id) == (kind, record_id)), None)
        if told is None:
            told = Told(kind, record_id)
            self.told.append(told)
        return check_told(self.stage, told)


PAYMENT_ACTS = (
    "refund", "refund", "follow_advice", "shop_changes", "shop_changes", "provider_says", "probe", "move_order",
    "request_refund", "approve_refund", "reject_refund", "withdraw_refund", "probe_refund", "resolve_payment",
    "follow_advice", "follow_refund_advice",
)  # fmt: skip
BEGUN_STATES = tuple(PaymentState)
"""States in which a payment is put. Only another application leaves one in callback_received."""
CHECK_ACTS = ("probe", "refetch", "resolve.success", "resolve.error", "buy", "follow_advice")


def live_payment(stage: Stage, draw: Callable[[Any], Any], tally: Counter[str]) -> None:
    """A payment in a drawn state, and up to five acts on it; after each all must be told as it is."""
    state = draw(st.sampled_from((*[PaymentState.COMPLETED] * 10, *BEGUN_STATES)))
    said = draw(st.sampled_from((ProviderStatement.PAID, ProviderStatement.NOTHING, *ProviderStatement)))
    unknown = state in WAITING_STATES | ENDED_UNPAID_STATES and draw(st.booleans())
    history = PaymentHistory(stage, stage.payment(state, said, unknown=unknown))
    history.check()
    for act in draw(st.lists(st.sampled_from(PAYMENT_ACTS), min_size=1, max_size=5)):
        ended = history.do(act, draw)
        tally[f"{act} {ended}"] += 1
        history.check()


def live_check(stage: Stage, draw: Callable[[Any], Any], tally: Counter[str]) -> None:
    """A purchase with a drawn answer, and up to four acts on it."""
    answer = draw(st.sampled_from(("answers", "silent_after_charge", "silent_before_charge", "refuses")))
    stage.vendor.finds = draw(st.booleans())
    try:
        record = stage.check(answer, readable=draw(st.booleans()))
        told = Told("credit-check", record.id)
        check_told(stage, told)
        for act in draw(st.lists(st.sampled_from(CHECK_ACTS), min_size=1, max_size=4)):
            person = draw(st.sampled_from(DESKS_PEOPLE))
            if act == "follow_advice":
                ended = follow_advice(stage, "credit-check", record.id)
            else:
                ended = stage.does(person, "credit-check", record, act)
            tally[f"{act} {ended}"] += 1
            check_told(stage, told)
    finally:
        stage.vendor.finds = True


def live(stage: Stage, draw: Callable[[Any], Any], tally: Counter[str]) -> None:
    """One history of a payment or, less often, of a credit check."""
    tally["histories"] += 1
    (live_check if draw(st.integers(0, 3)) == 0 else live_payment)(stage, draw, tally)


def run(stage: Stage, examples: int, seed: int | None = None) -> Counter[str]:
    """Live so many histories; the same seed draws the same ones. Return how often each act had each ending."""
    tally: Counter[str] = Counter()

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def histories(data: Any) -> None:
        live(stage, data.draw, tally)

    (histories if seed is None else hypothesis.seed(seed)(histories))()
    return tally
