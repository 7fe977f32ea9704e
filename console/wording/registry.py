"""Texts about corporations of the registry, for the window and the terminal."""

from collections.abc import Callable
from datetime import date

from console.domain.registry.corporations import Corporation, RegistryMatch
from console.domain.registry.facts import LICENCE, PUBLISHER, CorporationFacts

Translate = Callable[..., str]
"""A function that returns the text of a wording key, filled with the named facts."""


def official_name(corporation: Corporation, translate: Translate) -> str:
    """Return the name; a sentence if the publisher has it only as an image."""
    return corporation.name or translate("corporation.name_is_image")


def address_text(corporation: Corporation, translate: Translate) -> str:
    """Return the postcode and the address; a note if the publisher has a part of it only as an image."""
    code = corporation.post_code
    parts = (f"〒{code[:3]}-{code[3:]}" if code else "", corporation.address)
    note = translate("corporation.address_is_image") if corporation.address_image_id else ""
    return " ".join(part for part in (*parts, note) if part)


def closure_text(corporation: Corporation, translate: Translate) -> str:
    """Return a text with the day and cause of the corporation's closure; "" if it is open."""
    if corporation.closure is None:
        return ""
    cause = corporation.closure.cause.value
    return translate("corporation.closed", day=corporation.closure.day.isoformat(), cause=cause)


def closed_lead(facts: CorporationFacts, translate: Translate) -> str:
    """Return a heading with the day and cause of the corporation's closure; "" if it is open or unknown."""
    closure = facts.corporation.closure if facts.corporation is not None else None
    if closure is None:
        return ""
    return translate("corporation.closed_lead", day=closure.day.isoformat(), cause=closure.cause.value)


def ours_text(match: RegistryMatch, translate: Translate) -> str:
    """Return the text which says that this database has records of the corporation; "" if it has none."""
    if not match.is_ours:
        return ""
    return translate("corporation.ours_open" if match.has_open_records else "corporation.ours")


def advice_text(facts: CorporationFacts | None, translate: Translate) -> str:
    """Return the warning to a buyer before a purchase: the corporation was closed, or merged into another one; "" if
    there is no reason for a warning.
    """
    if facts is None or facts.corporation is None or facts.corporation.closure is None:
        return ""
    closure, successor = facts.corporation.closure, facts.offered_successor
    told = {"name": official_name(facts.corporation, translate), "day": closure.day.isoformat()}
    if successor is None:
        return translate("corporation.advice.closed", cause=closure.cause.value, **told)
    told |= {"successor": official_name(successor, translate), "number": successor.number}
    return translate("corporation.advice.merged", **told)


def source_line(registry_date: date, translate: Translate) -> str:
    """Return the line that names the date, the publisher and the licence of the registry."""
    return translate("corporation.source", day=registry_date.isoformat(), publisher=PUBLISHER, licence=LICENCE)
