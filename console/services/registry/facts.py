"""Read the facts of this desk's registry about corporation numbers and records. The callers have checked the right to
read. Without a registry the functions return nothing, and nothing is read. A damaged registry is logged and treated
as a missing one: people work without it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from console.domain.errors import ConsoleError
from console.domain.records import Operation
from console.domain.registry.corporations import Corporation, RegistryMatch
from console.domain.registry.facts import CorporationFacts, RegistryEntry
from console.services.process.context import ServiceContext
from console.store.database.sqlalchemy_names import Connection

if TYPE_CHECKING:  # imported where they are needed: a lookup of credit checks doesn't need the tables of payments
    from console.store.queues.table_queries import QueuedRecord

    R = TypeVar("R", bound=QueuedRecord)

T = TypeVar("T")
_log = logging.getLogger("console.registry")


def read_facts(context: ServiceContext, conn: Connection, number: str) -> CorporationFacts | None:
    """Return the registry's facts about a corporation number; None without a registry."""
    reader = context.open_registry()
    if reader is None:
        return None
    found = _read_unless_damaged(lambda: (reader.registry_date, reader.find(number)))
    if found is None:
        return None
    registry_date, corporation = found
    if corporation is None:
        live = context.live_numbers.known_facts(number) if context.live_numbers is not None else None
        return live or CorporationFacts(number, registry_date)
    related = _read_unless_damaged(lambda: (reader.successor_chain(number), reader.predecessors(number)))
    successors, predecessors = related or ((), ())
    ours = _find_ours(conn, (*successors, *predecessors))
    return CorporationFacts(
        number,
        registry_date,
        corporation,
        make_matches(successors, ours),
        make_matches(predecessors, ours),
    )


def read_facts_of_record(
    context: ServiceContext, conn: Connection, record: "QueuedRecord | Operation"
) -> CorporationFacts | None:
    """Return the registry's facts about the corporation of a record; None without a registry, and for a record
    without a corporation number.
    """
    if context.open_registry() is None:
        return None
    number = _find_number(conn, record)
    return None if number is None else read_facts(context, conn, number)


def complete_with_corporations(context: ServiceContext, conn: Connection, records: "Sequence[R]") -> "tuple[R, ...]":
    """Return the records, in the same sequence, each with the registry's corporation of its number."""
    reader = context.open_registry()
    if reader is None:
        return tuple(records)
    from console.services.registry.numbers import find_numbers

    number_of = find_numbers(conn, records)
    numbers = frozenset(number_of.values())
    found = _read_unless_damaged(lambda: (reader.registry_date, reader.find_many(numbers)))
    if found is None:
        return tuple(records)
    registry_date, corporations = found
    entries = {number: RegistryEntry(corporation, registry_date) for number, corporation in corporations.items()}
    return tuple(
        replace(record, registry_entry=entries.get(number_of.get((type(record), record.id), "")))
        for record in records
    )


def make_matches(corporations: Sequence[Corporation], ours: Mapping[str, bool]) -> tuple[RegistryMatch, ...]:
    """Return the corporations as matches. `ours` has the numbers with records here; True: with open records."""
    return tuple(
        RegistryMatch(corporation, corporation.number in ours, ours.get(corporation.number, False))
        for corporation in corporations
    )


def _read_unless_damaged(read: Callable[[], T]) -> T | None:
    """Return the result of `read`; None if the registry can't be read, which is logged."""
    try:
        return read()
    except ConsoleError as error:
        _log.warning("The corporation registry can't be read: %s", error.code)
        return None


def _find_ours(conn: Connection, corporations: Sequence[Corporation]) -> Mapping[str, bool]:
    if not corporations:
        return {}
    from console.store.registry import our_records

    return our_records.find_ours(conn, [corporation.number for corporation in corporations])


def _find_number(conn: Connection, record: "QueuedRecord | Operation") -> str | None:
    """Return the corporation number of a record; for an operation without one, that of the record that it changes."""
    from console.services.registry.numbers import find_numbers
    from console.store.records import any_record

    if not isinstance(record, Operation):
        return find_numbers(conn, [record]).get((type(record), record.id))
    if record.corporation_number is not None:
        return record.corporation_number
    subject = any_record.find(conn, record.subject_kind, record.subject_id or 0, {})
    return None if subject is None else _find_number(conn, subject)
