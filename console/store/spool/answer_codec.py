"""A provider's answer as text, so that the desk can keep it until the database takes it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, TypeAlias

from console.domain.money import Money
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_records import RefundReport, RefundState, StartedPayment
from console.domain.records import CheckReport

Found: TypeAlias = CheckReport | RefundReport | StartedPayment
Answer: TypeAlias = Outcome[Found]

_DAYS = ("purchase_date", "expiration_date")
_FORMS: Mapping[type[Found], int] = {CheckReport: 1, RefundReport: 2, StartedPayment: 3}
"""The form says what was found; nothing found is told in the first, which every program knows."""


def to_json(answer: Answer) -> str:
    form = 1 if answer.found is None else _FORMS[type(answer.found)]
    return json.dumps({"form": form, **asdict(answer)}, default=_text, sort_keys=True)


def from_json(text: str | bytes) -> Answer:
    """The answer that `to_json` wrote. Raises ValueError for any other text."""
    try:
        kept = json.loads(text)
        read = _READ.get(kept.pop("form"))
        if read is None:
            raise ValueError("an answer in a form that this program does not know")
        kept["kind"], kept["sent"] = OutcomeClass(kept["kind"]), Sent(kept["sent"])
        kept["found"] = None if kept["found"] is None else read(kept["found"])
        return Outcome(**kept)
    except (TypeError, KeyError, AttributeError) as odd:
        raise ValueError("not a kept answer") from odd


def _text(value: date) -> str:
    return value.isoformat()


def fits(found: object) -> Found | None:
    """What was found, if it is something that can be kept."""
    return found if isinstance(found, CheckReport | RefundReport | StartedPayment) else None


def _check(kept: Mapping[str, Any]) -> CheckReport:
    days = {name: date.fromisoformat(kept[name]) for name in _DAYS if kept[name] is not None}
    return CheckReport(**{**kept, **days})


def _refund(kept: Mapping[str, Any]) -> RefundReport:
    amount = kept["amount"]
    told = {
        "state": RefundState(kept["state"]),
        "amount": None if amount is None else Money(**amount),
        "accepted_at": _instant(kept["accepted_at"]),
    }
    return RefundReport(**{**kept, **told})


def _started(kept: Mapping[str, Any]) -> StartedPayment:
    return StartedPayment(**{**kept, "expires_at": _instant(kept["expires_at"])})


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_READ: Mapping[int, Callable[[Mapping[str, Any]], Found]] = {1: _check, 2: _refund, 3: _started}
