"""Alerts in the words of the window: what was found, what was expected, and where one goes to settle it."""

import re

from console import wording
from console.domain.alert_rules import GRACES, RULES
from console.domain.worker_records import Alert, AlertItem, Rule
from console.views.routes import Route, route_to
from console.views.seat import Seat

_ORDER = re.compile(r"order=(?P<state>[a-z]+)")
_PAYMENT = re.compile(
    r"payment(?: (?P<id>\d+))?=(?P<state>[a-z_]+)"
    r"(?: (?P<minor>\d+) (?P<currency>[A-Z]{3}))?(?: after=(?P<after>[a-z_]+))?"
)
_AMOUNT = re.compile(r"\b(\d{1,15}) (JPY|INR)\b")
_EITHER = "refund|compensation"


def rule(alert: Alert, seat: Seat) -> str:
    """What doesn't fit, in a few words; a rule without words by its name."""
    key = wording.rule_key(alert.rule_id)
    return seat.say(key) if key else alert.rule_id


def told(text: str, seat: Seat) -> str:
    """Codes of the rules as words; whatever else a case says stays as it is."""
    if text == _EITHER:
        return seat.say("alerts_screen.refund_or_compensation")
    return seat.say("alerts_screen.joined", parts=[_part(part, seat) for part in text.split("; ")])


def why(item: AlertItem, seat: Seat) -> str:
    """For the rules between orders and payments: what is wrong, what was found and expected, and since when; "" for
    cases, whose records say so.
    """
    alert = item.alert
    if alert.rule_id not in RULES or alert.order_no is None:
        return ""
    facts = seat.say(
        "alerts_screen.facts", observed=told(alert.observed, seat), expected=told(alert.expected, seat),
        age=seat.age(alert.detected_at),
    )  # fmt: skip
    return f"{seat.say(f'alerts_screen.why.{alert.rule_id}', grace=GRACES[Rule(alert.rule_id)])} {facts}"


def _part(part: str, seat: Seat) -> str:
    if found := _ORDER.fullmatch(part):
        return seat.say("alerts_screen.order_is", state=_state("order", found["state"], seat))
    found = _PAYMENT.fullmatch(part)
    if found is None:
        return _AMOUNT.sub(_amount, part)
    facts: dict[str, object] = {"state": _state("payment", found["state"], seat)}
    if found["id"] is None:
        return seat.say("alerts_screen.payment_is", **facts)
    amount = wording.format_amount(int(found["minor"] or 0), found["currency"] or "JPY")
    facts |= {"id": found["id"], "amount": amount}
    if found["after"] is None:
        return seat.say("alerts_screen.payment_of", **facts)
    return seat.say("alerts_screen.payment_after", **facts, after=_state("payment", found["after"], seat))


def _amount(found: re.Match[str]) -> str:
    """Minor units, as cases keep them."""
    return wording.format_amount(int(found[1]), found[2])


def _state(kind: str, state: str, seat: Seat) -> str:
    return wording.state_word(kind, state, seat.language)


def about(alert: Alert, seat: Seat) -> str:
    """The order's number, or which record it is."""
    if alert.order_no is not None:
        return alert.order_no
    key = f"kind.{alert.subject_kind}"
    kind = seat.say(key) if wording.has(key) else alert.subject_kind
    return kind if alert.subject_kind not in _RECORDS else f"{kind} {alert.subject_id}"


_RECORDS = frozenset({"credit-check", "payment", "order", "refund"})


def route(item: AlertItem) -> Route | None:
    """The record whose page has what settles it."""
    return None if item.action is None else route_to(item.kind, item.id, (), "alerts")
