"""Corporations as text: the registry data of a corporation number, and the answers of the commands `registry …`. Each
answer with registry data ends with a line that names the source.
"""

from collections.abc import Iterable, Iterator

from console.cli.json_output.records import AnyRecord
from console.cli.text_output.records import TableRow, format_aligned_lines, format_section_lines
from console.cli.text_output.translator import Lines, Translator
from console.domain.records import CreditCheck
from console.domain.registry.corporations import (
    ChangedFact,
    Corporation,
    CorporationChange,
    RegistryMatch,
    RegistryMatches,
    RegistryStatus,
)
from console.domain.registry.facts import CorporationFacts, find_other_names
from console.wording.registry import (
    format_corporation_address,
    format_corporation_closure,
    format_own_records_note,
    format_purchase_warning,
    format_registry_source,
    get_official_name,
)
from console.wording.sentences import catalogue as wording

# -- the facts beside a number


def format_corporation_facts_section(
    facts: CorporationFacts | None, records: Iterable[AnyRecord], translator: Translator
) -> Iterator[str]:
    """Yield the registry data of a corporation number and its source. `records` are our records of the number;
    company names in them that differ from the official one are listed. Yield nothing without a registry.
    """
    if facts is not None:
        yield from format_section_lines(
            "corporation.section", _format_corporation_facts_lines(facts, records, translator), translator
        )


def _format_corporation_facts_lines(
    facts: CorporationFacts, records: Iterable[AnyRecord], translator: Translator
) -> Iterator[str]:
    if facts.corporation is None:
        yield translator("corporation.unknown_number", day=facts.registry_date.isoformat())
    else:
        names = [record.company_name for record in records if isinstance(record, CreditCheck)]
        yield from format_aligned_lines(_make_corporation_fact_rows(facts, facts.corporation, names, translator))
    yield format_registry_source(facts.registry_date, translator)


def _make_corporation_fact_rows(
    facts: CorporationFacts, corporation: Corporation, names: Iterable[str | None], translator: Translator
) -> Iterator[TableRow]:
    def make_row(label: str, value: str) -> TableRow:
        return (translator(f"corporation.label.{label}"), value or wording.NO_VALUE)

    yield make_row("name", get_official_name(corporation, translator))
    for name in find_other_names(names, corporation):
        yield make_row("other_name", name)
    yield make_row("furigana", corporation.furigana)
    yield make_row("kind", translator(f"corporation.kind.{corporation.kind.value}"))
    yield make_row("address", format_corporation_address(corporation, translator))
    yield make_row("assigned", corporation.assigned_on.isoformat())
    if corporation.closure is not None:
        closed_on, cause = corporation.closure.day.isoformat(), corporation.closure.cause.value
        yield make_row("closed", translator("corporation.closed_on", day=closed_on, cause=cause))
    for match in facts.successors:
        yield make_row("successor", _format_related_corporation(match, translator))
    if corporation.successor is not None and not facts.successors:
        yield make_row("successor", wording.format_corporation_number(corporation.successor))
    for match in facts.predecessors:
        yield make_row("predecessor", _format_related_corporation(match, translator))


def _format_related_corporation(match: RegistryMatch, translator: Translator) -> str:
    """Return a successor or predecessor as one text: its number and name, a note if it is closed, and a note if this
    database has records of it.
    """
    corporation = match.corporation
    name = get_official_name(corporation, translator)
    number = wording.format_corporation_number(corporation.number)
    parts = (
        number,
        name,
        format_corporation_closure(corporation, translator),
        format_own_records_note(match, translator),
    )
    return wording.join_facts(parts, translator)


def format_purchase_warning_lines(facts: CorporationFacts | None, translator: Translator) -> Iterator[str]:
    """Yield a warning before a purchase, if the registry doesn't have the number, or if the company was closed or
    merged into another one. Yield nothing if the
    registry's facts about the company aren't known (`facts` is None).
    """
    advice = format_purchase_warning(facts, translator)
    if facts is not None and advice:
        yield advice
        yield format_registry_source(facts.registry_date, translator)


# -- commands


def format_registry_matches_lines(matches: RegistryMatches, translator: Translator) -> Iterator[str]:
    """Yield the answer of the command `registry find` as text: one line per corporation, and the source of the
    data.
    """
    if matches.registry_date is None:
        yield translator("corporation.absent")
        return
    if matches.other_spelling:
        yield translator("corporation.other_spelling", text=matches.other_spelling)
    if matches.items:
        yield translator("corporation.found_first" if matches.has_more else "corporation.found", n=len(matches.items))
        yield from format_aligned_lines(_make_registry_match_row(match, translator) for match in matches.items)
    else:
        yield translator(
            "corporation.none_found.one_character" if matches.is_one_character else "corporation.none_found"
        )
    yield format_registry_source(matches.registry_date, translator)


def _make_registry_match_row(match: RegistryMatch, translator: Translator) -> TableRow:
    corporation = match.corporation
    return (
        wording.format_corporation_number(corporation.number),
        get_official_name(corporation, translator),
        corporation.furigana or wording.NO_VALUE,
        corporation.address or wording.NO_VALUE,
        format_corporation_closure(corporation, translator),
        format_own_records_note(match, translator),
    )


def format_registry_status_lines(status: RegistryStatus | None, translator: Translator) -> Iterator[str]:
    """Yield the answer of the commands `registry status` and `registry import` as text: the registry date, the number
    of corporations, and the imported files. Also yield the groups of corporations whose mergers form a circle (A into
    B, and B into A).
    """
    if status is None:
        yield translator("corporation.absent")
        return
    yield translator("corporation.status", day=status.registry_date.isoformat(), n=status.rows)
    yield from format_aligned_lines(
        (
            translator("corporation.file.difference" if file.is_difference else "corporation.file.whole"),
            file.day.isoformat(),
            file.name,
            wording.format_count(file.rows),
            file.sha256,
        )
        for file in status.files
    )
    if status.cycles:
        yield translator("corporation.cycles", n=len(status.cycles))
        for cycle in filter(None, status.cycles):
            yield "  " + " → ".join(map(wording.format_corporation_number, (*cycle, cycle[0])))
    yield format_registry_source(status.registry_date, translator)


def format_corporation_changes_lines(changes: Iterable[CorporationChange], translator: Translator) -> Lines:
    """Return the changes of corporations as lines: day, number, name, and each changed value before and after."""
    return format_aligned_lines(_make_corporation_change_row(change, translator) for change in changes)


def _make_corporation_change_row(change: CorporationChange, translator: Translator) -> TableRow:
    corporation = change.after or change.before
    name = wording.NO_VALUE if corporation is None else get_official_name(corporation, translator)
    facts = (_format_changed_fact(fact, change, translator) for fact in sorted(change.facts))
    return (
        change.day.isoformat(),
        wording.format_corporation_number(change.corporation_number),
        name,
        translator("list.separator").join(facts),
    )


def _format_changed_fact(fact: ChangedFact, change: CorporationChange, translator: Translator) -> str:
    """Return a changed field of a corporation as text, with its values before and after the change if it has any."""
    word = translator(f"corporation.changed.{fact.value}")
    before, after = (
        _format_changed_fact_value(fact, corporation, translator) for corporation in (change.before, change.after)
    )
    return f"{word}: {before} → {after}" if before or after else word


def _format_changed_fact_value(fact: ChangedFact, corporation: Corporation | None, translator: Translator) -> str:
    if corporation is None:
        return ""
    match fact:
        case ChangedFact.NAME:
            return get_official_name(corporation, translator)
        case ChangedFact.ADDRESS:
            return format_corporation_address(corporation, translator) or wording.NO_VALUE
        case ChangedFact.CLOSED:
            return format_corporation_closure(corporation, translator) or wording.NO_VALUE
        case ChangedFact.SUCCESSOR:
            return wording.format_corporation_number(corporation.successor or wording.NO_VALUE)
    return ""
