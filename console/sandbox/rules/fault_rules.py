"""Fault rules: they decide which provider call gets which fault, by counting matching calls or by random numbers from
a seed.
"""

import json
import random
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from itertools import count
from threading import Lock
from typing import Any

from console.sandbox.http.calls import ProviderCall
from console.sandbox.http.messages import JsonObject
from console.sandbox.rules.fault_table import FAULT_BY_NAME, NOTICE_CALLS, PROVIDER_CALL_NAMES, FaultKind


class InvalidFaultRule(ValueError):
    """A fault rule is invalid; the text of the exception is the reason."""


@dataclass(frozen=True, slots=True)
class FaultInstruction:
    """A fault with its settings, to be applied to one call. `argument` is the part after the colon in an action such
    as `status:503`. The other fields are the settings of the rule that gave the fault (see FaultRule); None if the
    rule doesn't set them.
    """

    kind: FaultKind
    argument: str = ""
    seconds: float | None = None
    size: int | None = None
    body: str | None = None
    redirect_target: str | None = None
    fields: JsonObject = field(default_factory=dict)

    @property
    def action(self) -> str:
        return f"{self.kind.name}:{self.argument}" if self.argument else self.kind.name


@dataclass(slots=True)
class FaultRule:
    """Rule that gives a fault to matching calls: to `times` of these calls, beginning with the `nth` (`times` None:
    to all calls from the `nth` on). With `per_number` the calls of each call name and number are counted separately.

    With mode `random` every matching call gets one of `actions` with probability `rate`. The random number depends on
    the seed, the call's name and number, and the count of such calls; calls with other numbers don't change it.

    `matching_calls` counts the matching calls, `faulty_calls` the calls that got a fault. With `number_ends`, only
    calls whose number ends with this text match; `to` is the target of a redirect. docs/sandbox.md describes every
    setting.
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
    matching_calls: int = 0
    faulty_calls: int = 0

    def __post_init__(self) -> None:
        """Check the rule. If `actions` is empty, set it from `action`.

        Raises `InvalidFaultRule` for an invalid action or setting, and for a call to which the fault can't be
        applied.
        """
        self.actions = tuple(self.actions) or (self.action,)
        for action in self.actions:
            kind, _ = parse_fault_action(action)
            if self.call and not can_apply_fault_to_call(kind, self.call) and self.call in PROVIDER_CALL_NAMES:
                allowed_calls = ", ".join(sorted(kind.calls)) or "what the sandbox is asked"
                raise InvalidFaultRule(f"{kind.name} does not apply to {self.call}, only to {allowed_calls}")
        self._require_valid()

    def _require_valid(self) -> None:
        if self.call is not None and self.call not in PROVIDER_CALL_NAMES:
            raise InvalidFaultRule(f"call must be one of {', '.join(PROVIDER_CALL_NAMES)}")
        if self.mode not in ("count", "random"):
            raise InvalidFaultRule("mode must be count or random")
        if self.nth < 1 or (self.times is not None and self.times < 1) or not 0 <= self.rate <= 1:
            raise InvalidFaultRule("nth and times begin at 1, rate lies between 0 and 1")

    def matches(self, call: ProviderCall) -> bool:
        """Return True if the call fulfils the rule's conditions."""
        return (
            self.call in (None, call.name)
            and self.number in (None, call.subject_number)
            and self.payment in (None, call.payment)
            and self.credit_check_id in (None, call.credit_check_id)
            and (self.number_ends is None or (call.subject_number or "").endswith(self.number_ends))
        )

    def make_instruction(self, action: str) -> FaultInstruction:
        kind, argument = parse_fault_action(action)
        return FaultInstruction(kind, argument, self.seconds, self.size, self.body, self.to, self.fields)


class FaultRulebook:
    """The active fault rules; the first rule that applies to a call decides its fault. Several threads may use this
    object at the same time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._ids = count(1)
        self._rules: dict[int, FaultRule] = {}
        self._occurrences: Counter[tuple[int, str | None]] = Counter()

    def add_rule(self, rule: FaultRule) -> int:
        """Activate a rule; return its id."""
        with self._lock:
            rule.id = next(self._ids)
            self._rules[rule.id] = rule
            return rule.id

    def remove_rules(self, rule_id: int | None = None) -> int:
        """Remove one fault rule, or all fault rules (None); return the number of removed rules."""
        with self._lock:
            cleared_ids = [key for key in self._rules if rule_id in (None, key)]
            for key in cleared_ids:
                del self._rules[key]
            for occurrence_key in [key for key in self._occurrences if key[0] not in self._rules]:
                del self._occurrences[occurrence_key]
            return len(cleared_ids)

    def pick_fault(self, call: ProviderCall) -> FaultInstruction | None:
        """Return the fault that the rules give to this call, and count the call; None if the call gets no fault."""
        if not self._rules:
            return None
        with self._lock:
            for rule in self._rules.values():
                if rule.matches(call) and (action := self._pick_action_for_call(rule, call)):
                    rule.faulty_calls += 1
                    return rule.make_instruction(action)
        return None

    def _pick_action_for_call(self, rule: FaultRule, call: ProviderCall) -> str | None:
        """Count the call for the rule, and return the action that the rule gives to this call; None if the rule gives
        no action."""
        candidates = [action for action in rule.actions if can_apply_action_to_call(action, call)]
        if not candidates:
            return None
        rule.matching_calls += 1
        key = (rule.id, f"{call.name}:{call.subject_number}" if rule.per_number or rule.mode == "random" else None)
        self._occurrences[key] += 1
        if rule.mode == "random":
            return _draw_random_action(
                rule, f"{call.name}:{call.subject_number}:{self._occurrences[key]}", candidates
            )
        turn = self._occurrences[key] - rule.nth
        is_in_turn = turn >= 0 and (rule.times is None or turn < rule.times)
        return candidates[turn % len(candidates)] if is_in_turn else None

    def export_json(self) -> list[JsonObject]:
        """Return the active rules as JSON, with the counts of matching calls and given faults."""
        with self._lock:
            return [asdict(rule) for rule in self._rules.values()]


def _draw_random_action(rule: FaultRule, call_occurrence: str, candidates: list[str]) -> str | None:
    """Return one of the actions `candidates` with the probability of the rule; None for no fault, or if the rule has
    given all its faults. The random numbers depend only on the rule's seed and on `call_occurrence`, a text that
    names the call, its number, and the position (from 1) of this call among such calls.
    """
    if rule.times is not None and rule.faulty_calls >= rule.times:
        return None
    generator = random.Random(f"{rule.seed}:{call_occurrence}")  # noqa: S311 - repeatable on purpose
    return generator.choice(candidates) if generator.random() < rule.rate else None


def can_apply_action_to_call(action: str, call: ProviderCall) -> bool:
    """Return True if this action, such as `status:503`, can be applied to this call.

    Raises `InvalidFaultRule` for an invalid action.
    """
    return can_apply_fault_to_call(parse_fault_action(action)[0], call.name)


def can_apply_fault_to_call(kind: FaultKind, call: str) -> bool:
    """Return True if this kind of fault can be applied to a call with the name `call`."""
    return call in kind.calls if kind.calls else call not in NOTICE_CALLS


def parse_fault_action(action: str) -> tuple[FaultKind, str]:
    """Return the fault that an action names, and its argument: `status:503` is the fault `status` with the argument
    "503".

    Raises `InvalidFaultRule` for an unknown fault or a wrong argument.
    """
    name, _, argument = action.partition(":")
    kind = FAULT_BY_NAME.get(name)
    if kind is None:
        raise InvalidFaultRule(f"no fault is called {name!r}; GET /_sandbox/catalogue lists them")
    if kind.argument_rule == "word":
        if not re.fullmatch("[A-Z0-9_]{1,64}", argument):
            raise InvalidFaultRule(f"{name} needs a code, as in {name}:SERVICE_ERROR")
        return kind, argument
    if kind.argument_rule == "required" and not argument:
        raise InvalidFaultRule(f"{name} needs a status, as in {name}:503")
    if argument and (kind.argument_rule == "none" or not argument.isascii() or not argument.isdigit()):
        raise InvalidFaultRule(f"{action!r} is not understood")
    return kind, argument


ALLOWED_TYPES_BY_RULE_SETTING: dict[str, tuple[type, ...]] = {
    "nth": (int,), "times": (int, type(None)), "seed": (int,), "size": (int, type(None)),
    "credit_check_id": (int, type(None)), "rate": (int, float), "seconds": (int, float, type(None)),
    "per_number": (bool,), "fields": (dict,), "actions": (list, tuple), "action": (str,), "mode": (str,),
}  # fmt: skip
ALLOWED_TYPES_OF_OTHER_RULE_SETTINGS = (str, type(None))
FAULT_RULE_SETTING_NAMES = {f.name for f in fields(FaultRule)} - {"id", "matching_calls", "faulty_calls"}


def read_fault_rule(body: JsonObject) -> FaultRule:
    """Return the fault rule that a JSON object describes. With `times: "always"`, the rule applies to any number of
    calls; with `call: "any"`, it applies to calls of every name.

    Raises `InvalidFaultRule` if a setting of the rule is unknown or has an invalid value.
    """
    settings: dict[str, Any] = dict(body)
    if unknown := settings.keys() - FAULT_RULE_SETTING_NAMES:
        raise InvalidFaultRule(f"not understood: {', '.join(sorted(unknown))}")
    if settings.get("times") == "always":
        settings["times"] = None
    if settings.get("call") == "any":
        settings["call"] = None
    if settings.get("mode") == "random":
        settings.setdefault("times", None)
    for name, value in settings.items():
        if not isinstance(value, ALLOWED_TYPES_BY_RULE_SETTING.get(name, ALLOWED_TYPES_OF_OTHER_RULE_SETTINGS)) or (
            isinstance(value, bool) and name != "per_number"
        ):
            raise InvalidFaultRule(f"{name} has the wrong type")
    if not all(isinstance(action, str) for action in settings.get("actions", ())):
        raise InvalidFaultRule("actions are texts")
    return FaultRule(**settings)


def parse_instruction_from_header(text: str, call: ProviderCall) -> FaultInstruction | None:
    """Return the fault that the caller of a provider requests in the header `X-Sandbox-Fault`; None if the fault
    can't be applied to the call. `text` is the value of the header: an action, or a rule as JSON, of which only the
    first action and the fault's settings count.

    Raises `ValueError` for damaged JSON, `InvalidFaultRule` for an invalid action or rule.
    """
    rule = read_fault_rule(json.loads(text) if text.startswith("{") else {"action": text})
    return rule.make_instruction(rule.actions[0]) if can_apply_action_to_call(rule.actions[0], call) else None
