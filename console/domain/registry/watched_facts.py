"""The facts of a corporation whose changes the program reports to people: as values, as stored JSON, and as the
short text of an alert."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date

from console.domain.registry.corporations import (
    ChangedFact,
    CloseCause,
    Closure,
    Corporation,
    CorporationEvent,
    find_changed_facts,
)

CORPORATION_CHANGE_RULE = "corporation_changed"
"""Rule of the alerts about changed corporations."""
CORPORATION_KIND = "corporation"
"""Kind of the subject of the alerts about changed corporations. The subject's id is the corporation number as an
integer."""
EXPECTED_REACTION_TEXT = "acknowledgement|renewal"
"""Text `expected` of the alerts about changed corporations: people acknowledge such an alert or renew the credit
check."""
FACTS_ABOUT_CLOSURE = frozenset({ChangedFact.CLOSED, ChangedFact.SUCCESSOR, ChangedFact.REOPENED})
"""Facts of which at least one changes when a corporation is closed or merged, or is published again as such. They
prove no closure: they also change when a merger is declared void or a corporation is reopened."""
PART_SEPARATOR = "; "
"""Separator between the parts of the text `observed` of the alerts about changed corporations."""
OLD_AND_NEW_SEPARATOR = "|"
"""Separator between the old and the new value in a part of the text `observed`."""

_MAX_OBSERVED_CHARACTERS = 255
_NAME_LENGTHS_TO_TRY = (150, 60, 40, 24)
"""Lengths (characters) to which names and addresses are cut, one after the other, until the text of an alert fits."""


@dataclass(frozen=True, slots=True)
class WatchedFacts:
    """The facts of one corporation whose changes the program reports to people. The fields are those of
    `Corporation`. `is_deleted` is True after the publisher has deleted the corporation from the registry.
    """

    name: str
    address: str
    closure: Closure | None = None
    successor: str | None = None
    name_image_id: str = ""
    address_image_id: str = ""
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class CompanyChange:
    """A change of a corporation of which this database has records: the facts of which people have been informed
    (`before`), the present facts (`after`), the date of the registry that has the present facts, and the id of the
    open alert about the change.
    """

    corporation_number: str
    alert_id: int
    before: WatchedFacts
    after: WatchedFacts
    registry_date: date

    @property
    def changed_facts(self) -> frozenset[ChangedFact]:
        """The facts in which `before` and `after` differ."""
        return find_changed_watched_facts(self.before, self.after)


def make_watched_facts(corporation: Corporation) -> WatchedFacts:
    """Return those facts of a corporation whose changes the program reports to people."""
    return WatchedFacts(
        corporation.name,
        corporation.address,
        corporation.closure,
        corporation.successor,
        corporation.name_image_id,
        corporation.address_image_id,
        corporation.process is CorporationEvent.DELETED,
    )


def find_changed_watched_facts(before: WatchedFacts, after: WatchedFacts) -> frozenset[ChangedFact]:
    """Return the facts in which the states `before` and `after` of one corporation differ. If the corporation is
    deleted only in `after`, the result is DELETED alone. If it is deleted only in `before`, the result contains
    REOPENED. If it is deleted in both, the result is empty."""
    if after.is_deleted:
        return frozenset() if before.is_deleted else frozenset({ChangedFact.DELETED})
    restored_facts = {ChangedFact.REOPENED} if before.is_deleted else set()
    return find_changed_facts(before, after) | restored_facts


def remove_closure_and_successor(facts: WatchedFacts) -> WatchedFacts:
    """Return the facts without closure and successor, as they were before the corporation was closed. The other facts
    stay unchanged, because their earlier values aren't known."""
    return replace(facts, closure=None, successor=None)


def compute_corporation_subject_id(corporation_number: str) -> int:
    """Return the number by which an alert about a changed corporation names the corporation, in the column
    `subject_id` of alerts: the corporation number as an integer. The first of the 13 digits is never 0, so
    `get_corporation_number_of_subject` returns the same corporation number.
    """
    return int(corporation_number)


def get_corporation_number_of_subject(subject_id: int) -> str:
    """Return the corporation number (13 digits) that the number `subject_id` stands for in an alert about a changed
    corporation."""
    return f"{subject_id:013d}"


# Stored form


def convert_watched_facts_to_json(facts: WatchedFacts) -> Mapping[str, object]:
    """Return the facts as a JSON object: `name`, `address`, `successor` and `closed` (`date` and `cause`; null while
    the corporation is open). `name_image_id` and `address_image_id` are left out if the corporation has none,
    `deleted` if it isn't deleted."""
    closure_object = facts.closure and {
        "date": facts.closure.day.isoformat(),
        "cause": facts.closure.cause.name.lower(),
    }
    facts_object: dict[str, object] = {
        "name": facts.name,
        "address": facts.address,
        "closed": closure_object,
        "successor": facts.successor,
    }
    optional_facts = {
        "name_image_id": facts.name_image_id,
        "address_image_id": facts.address_image_id,
        "deleted": facts.is_deleted,
    }
    return facts_object | {name: value for name, value in optional_facts.items() if value}


def format_watched_facts(facts: WatchedFacts) -> str:
    """Return the facts as the JSON text that the database stores."""
    return json.dumps(convert_watched_facts_to_json(facts), ensure_ascii=False, separators=(",", ":"))


def parse_watched_facts(text: str) -> WatchedFacts:
    """Return the facts that a JSON text contains. Raises ValueError, KeyError, TypeError or AttributeError for a
    text that `format_watched_facts` didn't write.
    """
    facts_object = json.loads(text)
    closure_object, successor = facts_object["closed"], facts_object["successor"]
    closure = (
        None
        if closure_object is None
        else Closure(
            date.fromisoformat(closure_object["date"]), CloseCause[_require_text(closure_object["cause"]).upper()]
        )
    )
    return WatchedFacts(
        _require_text(facts_object["name"]),
        _require_text(facts_object["address"]),
        closure,
        None if successor is None else _require_text(successor),
        _require_text(facts_object.get("name_image_id", "")),
        _require_text(facts_object.get("address_image_id", "")),
        facts_object.get("deleted", False) is True,
    )


def _require_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


# Text of an alert


def format_observed_change(before: WatchedFacts, after: WatchedFacts, successor_name: str = "") -> str:
    """Return the changes from the facts `before` to the facts `after` as the text `observed` of an alert: parts with
    codes, dates and names. The part about the closure comes first. `successor_name` is the name of the corporation
    into which the changed corporation was merged; "" if it wasn't merged or the name isn't known. Names and addresses
    are cut if the text would be too long for its column. Return "" only if nothing has changed."""
    texts = (_join_changes(before, after, successor_name, length) for length in _NAME_LENGTHS_TO_TRY)
    return next((text for text in texts if len(text) <= _MAX_OBSERVED_CHARACTERS), "")


def is_only_about_closure(observed: str, day: date) -> bool:
    """Return True if the text `observed` of an alert says that the corporation was closed or merged on `day`, and
    nothing else."""
    beginnings = tuple(f"company {word} {day.isoformat()} " for word in ("closed", "merged"))
    return observed.startswith(beginnings) and PART_SEPARATOR not in observed


def _join_changes(before: WatchedFacts, after: WatchedFacts, successor_name: str, max_characters: int) -> str:
    """Return the changes between `before` and `after` as one text for the alert's column `observed`. Each name and
    each address in it is cut to `max_characters` characters.
    """
    changed_facts = find_changed_watched_facts(before, after)
    change_texts = [_format_closing_part(changed_facts, after, _shorten_part(successor_name, max_characters))]
    if ChangedFact.NAME in changed_facts:
        old_name, new_name = (_shorten_part(facts.name, max_characters) for facts in (before, after))
        change_texts.append(f"company renamed {old_name}{OLD_AND_NEW_SEPARATOR}{new_name}")
    if ChangedFact.ADDRESS in changed_facts:
        old_address, new_address = (_shorten_part(facts.address, max_characters) for facts in (before, after))
        change_texts.append(f"company moved {old_address}{OLD_AND_NEW_SEPARATOR}{new_address}")
    return PART_SEPARATOR.join(part for part in change_texts if part)


def _format_closing_part(changed_facts: Collection[ChangedFact], after: WatchedFacts, successor_name: str) -> str:
    """Return the part of an alert's text that says that the corporation was closed, merged, reopened or deleted, or
    that its successor changed; "" if none of these is in `changed_facts`. For a corporation that the publisher has
    deleted and then published again as closed or merged, the part says that the corporation was closed or merged.
    `after` are the present facts, `successor_name` is the name of the successor.
    """
    if ChangedFact.DELETED in changed_facts:
        return "company deleted"
    closure, successor = after.closure, after.successor
    if ChangedFact.REOPENED in changed_facts and closure is None:
        return "company reopened"
    if closure is not None and FACTS_ABOUT_CLOSURE & set(changed_facts):
        if successor is not None:
            return f"company merged {closure.day.isoformat()} {successor} {successor_name}".rstrip()
        return f"company closed {closure.day.isoformat()} {closure.cause.name.lower()}"
    if ChangedFact.SUCCESSOR in changed_facts:
        return f"company successor {successor} {successor_name}".rstrip() if successor else "company no_successor"
    return ""


def _shorten_part(text: str, max_characters: int) -> str:
    """Return a name or address for the text of an alert: cut to `max_characters` characters, and with full-width
    characters in place of the characters that separate the parts of this text."""
    plain = text.replace(";", "；").replace(OLD_AND_NEW_SEPARATOR, "｜")
    return plain if len(plain) <= max_characters else f"{plain[: max_characters - 1]}…"
