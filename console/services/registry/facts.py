"""Read facts about corporations from this desk's copy of the corporation registry. The callers have checked the
right to read. If this desk has no registry, the functions return None or the unchanged records. A damaged
registry is logged and treated as a missing one, so that people can work without it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, Operation
from console.domain.recovery.records import WaitingProposal
from console.domain.registry.corporations import Corporation, RegistryMatch
from console.domain.registry.facts import CorporationFacts, RegistryEntry
from console.domain.registry.watched_facts import CORPORATION_KIND, get_corporation_number_of_subject
from console.domain.tasks.records import Alert
from console.services.process.context import ServiceContext
from console.store.credit_checks import credit_checks
from console.store.database.sqlalchemy_names import Connection

if TYPE_CHECKING:  # imported where they are needed: a lookup of credit checks doesn't need the tables of payments
    from console.store.queues.table_queries import QueuedRecord

    RecordT = TypeVar("RecordT", bound=QueuedRecord)

ResultT = TypeVar("ResultT")
_log = logging.getLogger("console.registry")


def read_facts(context: ServiceContext, conn: Connection, corporation_number: str) -> CorporationFacts | None:
    """Return the registry's facts about a corporation number; None if this desk has no registry. If the registry
    doesn't have the number, return the publisher's stored answer, or else facts without a corporation."""
    reader = context.open_registry()
    if reader is None:
        return None
    reading = _read_registry_unless_damaged(lambda: (reader.registry_date, reader.find(corporation_number)))
    if reading is None:
        return None
    registry_date, corporation = reading
    if corporation is None:
        live_facts = (
            context.publisher_queries.find_stored_facts(corporation_number)
            if context.publisher_queries is not None
            else None
        )
        return live_facts or CorporationFacts(corporation_number, registry_date)
    related_corporations = _read_registry_unless_damaged(
        lambda: (reader.read_successor_chain(corporation_number), reader.list_predecessors(corporation_number))
    )
    successors, predecessors = related_corporations or ((), ())
    our_numbers = _find_numbers_with_our_records(conn, (*successors, *predecessors))
    return CorporationFacts(
        corporation_number,
        registry_date,
        corporation,
        make_matches(successors, our_numbers),
        make_matches(predecessors, our_numbers),
    )


def read_facts_of_record(
    context: ServiceContext, conn: Connection, record: "QueuedRecord | Operation"
) -> CorporationFacts | None:
    """Return the registry's facts about the corporation of a record; None if this desk has no registry or the
    record has no corporation number."""
    if context.open_registry() is None:
        return None
    number = _find_corporation_number(conn, record)
    return None if number is None else read_facts(context, conn, number)


def complete_with_corporations(
    context: ServiceContext, conn: Connection, records: "Sequence[RecordT]"
) -> "tuple[RecordT, ...]":
    """Return the records, in the same sequence, each with the registry's entry about its corporation in the field
    `registry_entry`. An order, payment or refund whose corporation has no entry gets the company's name in the newest
    credit check that has a name, in the field `name_in_credit_check`; one statement reads the names for all records.
    """
    if context.open_registry() is None and all(isinstance(record, CreditCheck) for record in records):
        return tuple(records)
    from console.services.registry.numbers import find_corporation_numbers

    number_by_record = find_corporation_numbers(conn, records)
    entries = _find_entries(context, frozenset(number_by_record.values()))
    numbers = [number_by_record.get((type(record), record.id), "") for record in records]
    names = credit_checks.find_company_names(
        conn,
        {
            number
            for record, number in zip(records, numbers, strict=True)
            if number and number not in entries and _lacks_name(record)
        },
    )
    return tuple(
        _complete_with_corporation(record, entries.get(number), names.get(number))
        for record, number in zip(records, numbers, strict=True)
    )


def _complete_with_corporation(
    record: "RecordT", entry: RegistryEntry | None, name_in_credit_check: str | None
) -> "RecordT":
    """Return the record with the registry's entry about its corporation and, if it lacks the name in a credit check,
    with this name."""
    values: dict[str, Any] = {"registry_entry": entry}
    if name_in_credit_check is not None and _lacks_name(record):
        values["name_in_credit_check"] = name_in_credit_check
    return replace(record, **values)


def _lacks_name(record: "QueuedRecord") -> bool:
    """Return True for an order, payment or refund without the name in a credit check. A credit check has the name
    that its own purchase gave."""
    return not isinstance(record, CreditCheck) and record.name_in_credit_check is None


def complete_proposals_with_corporations(
    context: ServiceContext, conn: Connection, proposals: Sequence[WaitingProposal]
) -> tuple[WaitingProposal, ...]:
    """Return the proposals, in the same sequence, with the registry's entry about their corporations or, if there is
    no entry, with the name in the newest credit check that has one. One statement reads the names."""
    numbers = frozenset(proposal.corporation_number for proposal in proposals if proposal.corporation_number)
    entries = _find_entries(context, numbers)
    names = credit_checks.find_company_names(conn, numbers - entries.keys())
    return tuple(
        replace(
            proposal,
            registry_entry=entries.get(proposal.corporation_number or ""),
            name_in_credit_check=names.get(proposal.corporation_number or ""),
        )
        for proposal in proposals
    )


def complete_alerts_with_corporations(context: ServiceContext, alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Return the alerts, in the same sequence; each alert about a changed corporation has the registry's entry about
    this corporation in the field `registry_entry`."""
    number_by_id = {
        alert.id: get_corporation_number_of_subject(alert.subject_id)
        for alert in alerts
        if alert.subject_kind == CORPORATION_KIND
    }
    entries = _find_entries(context, frozenset(number_by_id.values()))
    return tuple(
        replace(alert, registry_entry=entries.get(number_by_id[alert.id])) if alert.id in number_by_id else alert
        for alert in alerts
    )


def _find_entries(context: ServiceContext, corporation_numbers: Set[str]) -> Mapping[str, RegistryEntry]:
    """Return the registry's entries about the given corporation numbers, by number. Numbers that the registry doesn't
    have are left out."""
    reader = context.open_registry() if corporation_numbers else None
    if reader is None:
        return {}
    reading = _read_registry_unless_damaged(lambda: (reader.registry_date, reader.find_many(corporation_numbers)))
    if reading is None:
        return {}
    registry_date, corporations = reading
    return {number: RegistryEntry(corporation, registry_date) for number, corporation in corporations.items()}


def make_matches(
    corporations: Sequence[Corporation], is_open_by_number: Mapping[str, bool]
) -> tuple[RegistryMatch, ...]:
    """Return the corporations as search results. `is_open_by_number` maps each corporation number that records of
    ours have to True if one of these records is open, otherwise to False."""
    return tuple(
        RegistryMatch(
            corporation, corporation.number in is_open_by_number, is_open_by_number.get(corporation.number, False)
        )
        for corporation in corporations
    )


def _read_registry_unless_damaged(read_from_registry: Callable[[], ResultT]) -> ResultT | None:
    """Return the result of `read_from_registry`. If the registry can't be read, log this and return None."""
    try:
        return read_from_registry()
    except ConsoleError as error:
        _log.warning("The corporation registry can't be read: %s", error.code)
        return None


def _find_numbers_with_our_records(conn: Connection, corporations: Sequence[Corporation]) -> Mapping[str, bool]:
    """Return, for each number of `corporations` that records of ours have, True if one of these records is open,
    otherwise False."""
    if not corporations:
        return {}
    from console.store.registry import our_records

    return our_records.find_numbers_with_our_records(conn, [corporation.number for corporation in corporations])


def _find_corporation_number(conn: Connection, record: "QueuedRecord | Operation") -> str | None:
    """Return the corporation number of a record; None if it has none. For an operation without a number, return
    the number of the record that the operation changes."""
    from console.services.registry.numbers import find_corporation_numbers
    from console.store.records import any_record

    if not isinstance(record, Operation):
        return find_corporation_numbers(conn, [record]).get((type(record), record.id))
    if record.corporation_number is not None:
        return record.corporation_number
    subject = any_record.find(conn, record.subject_kind, record.subject_id or 0, {})
    return None if subject is None else _find_corporation_number(conn, subject)
