"""Which call meets which fault: rules that count, and seeded chance."""

import json
import random
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from itertools import count
from threading import Lock
from typing import Any

from console.sandbox.calls import Call
from console.sandbox.fault_table import CALLS, FAULTS, NOTICES, FaultKind
from console.sandbox.wire import JsonObject


class BadRule(ValueError):
    """A rule that cannot be meant; the text says why."""


@dataclass(frozen=True, slots=True)
class Order:
    """A fault with its settings, as one call meets it. `argument` is what follows the colon of an action."""

    kind: FaultKind
    argument: str = ""
    seconds: float | None = None
    size: int | None = None
    body: str | None = None
    to: str | None = None
    fields: JsonObject = field(default_factory=dict)

    @property
    def action(self) -> str:
        return f"{self.kind.name}:{self.argument}" if self.argument else self.kind.name


@dataclass(slots=True)
class Rule:
    """Meets the calls that match it: from the `nth` on, `times` of them, or always when `times` is None.

    With `per_number` it counts for every corporation number by itself.

    With mode `random` every matching call draws: with probability `rate` it meets one of `actions`. The draw
    depends on seed, call, number and how often this call was seen for this number, not on other numbers.
    """

    action: str = ""
    call: str | None = None
    number: str | None = None
    number_ends: str | None = None
    payment: str | None = None
    credit_check_id: int | None = None
    nth: int = 1
    times: int | None = 1
    per_number: bool = False
    seconds: float | None = None
    size: int | None = None
    body: str | None = None
    to: str | None = None
    fields: JsonObject = field(default_factory=dict)
    mode: str = "count"
    seed: int = 0
    rate: float = 1.0
    actions: tuple[str, ...] = ()
    id: int = 0
    seen: int = 0
    met: int = 0

    def __post_init__(self) -> None:
        self.actions = tuple(self.actions) or (self.action,)
        for action in self.actions:
            kind, _ = parse_action(action)
            if self.call and not fits(kind, self.call) and self.call in CALLS:
                only = ", ".join(sorted(kind.calls)) or "what the sandbox is asked"
                raise BadRule(f"{kind.name} does not apply to {self.call}, only to {only}")
        self._check()

    def _check(self) -> None:
        if self.call is not None and self.call not in CALLS:
            raise BadRule(f"call must be one of {', '.join(CALLS)}")
        if self.mode not in ("count", "random"):
            raise BadRule("mode must be count or random")
        if self.nth < 1 or (self.times is not None and self.times < 1) or not 0 <= self.rate <= 1:
            raise BadRule("nth and times begin at 1, rate lies between 0 and 1")

    def matches(self, call: Call) -> bool:
        return (
            self.call in (None, call.name)
            and self.number in (None, call.number)
            and self.payment in (None, call.payment)
            and self.credit_check_id in (None, call.subject)
            and (self.number_ends is None or (call.number or "").endswith(self.number_ends))
        )

    def order(self, action: str) -> Order:
        kind, argument = parse_action(action)
        return Order(kind, argument, self.seconds, self.size, self.body, self.to, self.fields)


class Rulebook:
    """The rules in force; the first that meets a call decides. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ids = count(1)
        self._rules: dict[int, Rule] = {}
        self._seen: Counter[tuple[int, str | None]] = Counter()

    def add(self, rule: Rule) -> int:
        """Put a rule in force; returns its id."""
        with self._lock:
            rule.id = next(self._ids)
            self._rules[rule.id] = rule
            return rule.id

    def clear(self, rule_id: int | None = None) -> int:
        """Forget one rule, or all; tells how many."""
        with self._lock:
            gone = [key for key in self._rules if rule_id in (None, key)]
            for key in gone:
                del self._rules[key]
            for seen in [key for key in self._seen if key[0] not in self._rules]:
                del self._seen[seen]
            return len(gone)

    def pick(self, call: Call) -> Order | None:
        """The fault that this call meets, counted as met."""
        if not self._rules:
            return None
        with self._lock:
            for rule in self._rules.values():
                if rule.matches(call) and (action := self._meets(rule, call)):
                    rule.met += 1
                    return rule.order(action)
        return None

    def _meets(self, rule: Rule, call: Call) -> str | None:
        candidates = [action for action in rule.actions if applies(action, call)]
        if not candidates:
            return None
        rule.seen += 1
        key = (rule.id, f"{call.name}:{call.number}" if rule.per_number or rule.mode == "random" else None)
        self._seen[key] += 1
        if rule.mode == "random":
            return _draw(rule, f"{call.name}:{call.number}:{self._seen[key]}", candidates)
        turn = self._seen[key] - rule.nth
        in_turn = turn >= 0 and (rule.times is None or turn < rule.times)
        return candidates[turn % len(candidates)] if in_turn else None

    def as_json(self) -> list[JsonObject]:
        with self._lock:
            return [asdict(rule) for rule in self._rules.values()]


def _draw(rule: Rule, occasion: str, candidates: list[str]) -> str | None:
    if rule.times is not None and rule.met >= rule.times:
        return None
    chance = random.Random(f"{rule.seed}:{occasion}")  # noqa: S311 - repeatable on purpose
    return chance.choice(candidates) if chance.random() < rule.rate else None


def applies(action: str, call: Call) -> bool:
    return fits(parse_action(action)[0], call.name)


def fits(kind: FaultKind, call: str) -> bool:
    """Whether a fault can be met by a call of that name."""
    return call in kind.calls if kind.calls else call not in NOTICES


def parse_action(action: str) -> tuple[FaultKind, str]:
    """`status:503` → its kind and "503". Raises `BadRule`."""
    name, _, argument = action.partition(":")
    kind = FAULTS.get(name)
    if kind is None:
        raise BadRule(f"no fault is called {name!r}; GET /_sandbox/catalogue lists them")
    if kind.argument == "word":
        if not re.fullmatch("[A-Z0-9_]{1,64}", argument):
            raise BadRule(f"{name} needs a code, as in {name}:SERVICE_ERROR")
        return kind, argument
    if kind.argument == "required" and not argument:
        raise BadRule(f"{name} needs a status, as in {name}:503")
    if argument and (kind.argument == "none" or not argument.isascii() or not argument.isdigit()):
        raise BadRule(f"{action!r} is not understood")
    return kind, argument


KINDS: dict[str, tuple[type, ...]] = {
    "nth": (int,), "times": (int, type(None)), "seed": (int,), "size": (int, type(None)),
    "credit_check_id": (int, type(None)), "rate": (int, float), "seconds": (int, float, type(None)),
    "per_number": (bool,), "fields": (dict,), "actions": (list, tuple), "action": (str,), "mode": (str,),
}  # fmt: skip
TEXT = (str, type(None))
SETTABLE = {f.name for f in fields(Rule)} - {"id", "seen", "met"}


def read_rule(wanted: JsonObject) -> Rule:
    """A rule from its JSON form; `times: "always"` is the same as null, and `any` the same as no call."""
    given: dict[str, Any] = dict(wanted)
    if unknown := given.keys() - SETTABLE:
        raise BadRule(f"not understood: {', '.join(sorted(unknown))}")
    if given.get("times") == "always":
        given["times"] = None
    if given.get("call") == "any":
        given["call"] = None
    if given.get("mode") == "random":
        given.setdefault("times", None)
    for name, value in given.items():
        if not isinstance(value, KINDS.get(name, TEXT)) or (isinstance(value, bool) and name != "per_number"):
            raise BadRule(f"{name} has the wrong type")
    if not all(isinstance(action, str) for action in given.get("actions", ())):
        raise BadRule("actions are texts")
    return Rule(**given)


def order_from_header(text: str, call: Call) -> Order | None:
    """The fault that the caller asked for in `X-Sandbox-Fault`: an action, or a rule as JSON."""
    rule = read_rule(json.loads(text) if text.startswith("{") else {"action": text})
    return rule.order(rule.actions[0]) if applies(rule.actions[0], call) else None
