"""A provider's answer as text, so that the desk can keep it until the database takes it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, TypeAlias

from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.records import CheckReport

Answer: TypeAlias = Outcome[CheckReport]

_DAYS = ("purchase_date", "expiration_date")


def to_json(answer: Answer) -> str:
    return json.dumps({"form": 1, **asdict(answer)}, default=date.isoformat, sort_keys=True)


def from_json(text: str | bytes) -> Answer:
    """The answer that `to_json` wrote. Raises ValueError for any other text."""
    try:
        kept = json.loads(text)
        if kept.pop("form") != 1:
            raise ValueError("an answer in a form that this program does not know")
        kept["kind"], kept["sent"] = OutcomeClass(kept["kind"]), Sent(kept["sent"])
        kept["found"] = None if kept["found"] is None else _report(kept["found"])
        return Outcome(**kept)
    except (TypeError, KeyError, AttributeError) as odd:
        raise ValueError("not a kept answer") from odd


def _report(kept: Mapping[str, Any]) -> CheckReport:
    days = {name: date.fromisoformat(kept[name]) for name in _DAYS if kept[name] is not None}
    return CheckReport(**{**kept, **days})
