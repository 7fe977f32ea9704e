"""Texts about corporations of the corporation registry, for the window and the terminal."""

from collections.abc import Callable, Iterable
from datetime import date

from console.domain.registry.corporations import Corporation, RegistryMatch
from console.domain.registry.facts import (
    REGISTRY_LICENCE,
    REGISTRY_PUBLISHER,
    CorporationFacts,
    RegistryEntry,
    find_other_names,
)
from console.wording.sentences.catalogue import capitalize_first_letter
from console.wording.sentences.formats import join_facts

TranslateFunction = Callable[..., str]
"""A function that returns the text of a wording key, filled with the named facts."""


def get_official_name(corporation: Corporation, translate: TranslateFunction) -> str:
    """Return the official name of a corporation. If the publisher has the name only as an image, the text says so."""
    return corporation.name or translate("corporation.name_is_image")


def format_registry_name_with_mark(corporation: Corporation, translate: TranslateFunction) -> str:
    """Return the official name of a corporation, marked as a name from the corporation registry, for a record that
    contains no company name. If the publisher has the name only as an image, the text says so."""
    if not corporation.name:
        return translate("corporation.name_is_image")
    return translate("corporation.marked_name", name=corporation.name)


def format_corporation_address(corporation: Corporation, translate: TranslateFunction) -> str:
    """Return the postcode and the address of a corporation. If the publisher has a part of the address only as an
    image, a note says so."""
    code = corporation.post_code
    parts = (f"〒{code[:3]}-{code[3:]}" if code else "", corporation.address)
    image_note = translate("corporation.address_is_image") if corporation.address_image_id else ""
    return " ".join(part for part in (*parts, image_note) if part)


def format_corporation_closure(corporation: Corporation, translate: TranslateFunction) -> str:
    """Return a text with the day and the cause of the corporation's closure; "" if the corporation isn't closed."""
    if corporation.closure is None:
        return ""
    cause = corporation.closure.cause.value
    return translate("corporation.closed", day=corporation.closure.day.isoformat(), cause=cause)


def format_corporation_closure_heading(facts: CorporationFacts, translate: TranslateFunction) -> str:
    """Return a heading with the day and the cause of the corporation's closure; "" if the corporation isn't closed
    or not in the registry."""
    return format_corporation_closure(facts.corporation, translate) if facts.corporation is not None else ""


def format_own_records_note(match: RegistryMatch, translate: TranslateFunction) -> str:
    """Return a text which says that this database has records of the corporation, or that it has open records of the
    corporation. Return "" if it has no records of it.
    """
    if not match.has_records:
        return ""
    return translate("corporation.ours_open" if match.has_open_records else "corporation.ours")


def format_purchase_warning(facts: CorporationFacts | None, translate: TranslateFunction) -> str:
    """Return the warning that a person reads before buying a credit check: the registry doesn't have the number, or
    the corporation is closed, or it was merged into another corporation. Return "" if there is no reason for a
    warning."""
    if facts is None:
        return ""
    if facts.corporation is None:
        return translate("corporation.unknown_number", day=facts.registry_date.isoformat())
    if facts.corporation.closure is None:
        return ""
    closure, successor = facts.corporation.closure, facts.offered_successor
    closure_facts = {"name": get_official_name(facts.corporation, translate), "day": closure.day.isoformat()}
    if successor is None and facts.corporation.successor is not None:
        return translate("corporation.advice.merged_elsewhere", number=facts.corporation.successor, **closure_facts)
    if successor is None:
        return translate("corporation.advice.closed", cause=closure.cause.value, **closure_facts)
    closure_facts |= {"successor": get_official_name(successor, translate), "number": successor.number}
    return translate("corporation.advice.merged", **closure_facts)


def format_registry_source(registry_date: date, translate: TranslateFunction) -> str:
    """Return the line that names the source of registry data: the registry date, the publisher and the licence."""
    return translate(
        "corporation.source", day=registry_date.isoformat(), publisher=REGISTRY_PUBLISHER, licence=REGISTRY_LICENCE
    )


def format_registry_publisher(translate: TranslateFunction) -> str:
    """Return the line that names the publisher and the licence of registry data, below a text that has their date."""
    return translate("corporation.publisher", publisher=REGISTRY_PUBLISHER, licence=REGISTRY_LICENCE)


def list_registry_warnings(
    facts: CorporationFacts, our_names: Iterable[str | None], translate: TranslateFunction
) -> tuple[str, ...]:
    """Return the warnings that a person must read about a record's corporation, each as a text: the corporation is
    closed; it was merged into its successors; its official name differs from `our_names` (the names on our record);
    or the registry doesn't contain its number. Empty for an open corporation with one of these names."""
    corporation = facts.corporation
    if corporation is None:
        return (translate("corporation.unknown_number", day=facts.registry_date.isoformat()),)
    chain = translate("corporation.chain_arrow").join(
        get_official_name(match.corporation, translate) for match in facts.successors
    )
    has_other_name = bool(find_other_names(our_names, corporation))
    notices = (
        format_corporation_closure_heading(facts, translate),
        translate("corporation.merged_into", chain=chain) if chain else "",
        translate("corporation.official_name", name=corporation.name) if has_other_name else "",
    )
    return tuple(notice for notice in notices if notice)


def list_registry_warnings_of_entry(
    entry: RegistryEntry, our_names: Iterable[str | None], translate: TranslateFunction
) -> tuple[str, ...]:
    """Return the notices of `list_registry_warnings` for a corporation whose successors were not read."""
    facts = CorporationFacts(entry.corporation.number, entry.registry_date, entry.corporation)
    return list_registry_warnings(facts, our_names, translate)


def format_corporation_facts_line(facts: CorporationFacts, translate: TranslateFunction) -> str:
    """Return one line with the reading of the corporation's name, its kind and address, and the source of the
    facts."""
    corporation, source = facts.corporation, format_registry_source(facts.registry_date, translate)
    if corporation is None:
        return source
    kind = translate(f"corporation.kind.{corporation.kind.value}")
    address = format_corporation_address(corporation, translate)
    kind_and_address = translate("corporation.kind_and_address", kind=capitalize_first_letter(kind), address=address)
    parts = (corporation.furigana, kind_and_address if address else kind, source)
    return join_facts(parts, translate)
