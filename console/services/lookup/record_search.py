"""Find records by a corporation number, by an id, or by the first characters of a number or name; read notes,
documents and events of records.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from console.domain.corporation_number import list_numbers_one_typing_error_away, read_first_digits
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError
from console.domain.lookup.lookup_result import LookupResult
from console.domain.lookup.number_input import InvalidCorporationNumber, parse_corporation_number
from console.domain.records import Certainty, CheckRelations, CheckState, CreditCheck, WorkState
from console.services.process.context import ServiceContext, require_reader
from console.store.credit_checks import credit_checks, joined_reads
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal

if TYPE_CHECKING:
    from console.domain.lookup.search_result import SearchResult
    from console.domain.payments.records import Order, Payment, Refund
    from console.domain.registry.facts import CorporationFacts
    from console.domain.tasks.records import Note
    from console.domain.views.company import CompanyDocument, CompanyEvent, CompanyTotals
    from console.services.records.completer import RecordsCompleter
    from console.store.queues.table_queries import QueuedRecord

    RecordT = TypeVar("RecordT", bound=QueuedRecord)

_EMPTY_RELATIONS = CheckRelations()


class Lookup:
    """Finds records for a person's search text. Each query uses a database index. Lookups are not written to the
    audit trail.
    """

    def __init__(self, context: ServiceContext, complete_records: "RecordsCompleter") -> None:
        """Store the service context and the function `complete_records`. It returns records with their `relations`:
        facts of related rows, such as the payments of an order, which the texts about the record need."""
        self._context = context
        self._complete_records = complete_records

    def find_records(self, text: str) -> LookupResult:
        """Return all records of the corporation number in `text`, newest first, with the corporation registry's facts
        about the number and the sums of the corporation's amounts: paid and refunded within TOTALS_PERIOD, and open
        refunds now.

        Raises invalid_corporation_number if `text` isn't a valid number; detail.candidates has at most three similar
        stored numbers. Raises not_allowed if the acting person has no right to read.
        """
        try:
            number = parse_corporation_number(text, allows_test_numbers=self._context.settings.allows_test_numbers)
        except InvalidCorporationNumber as invalid:
            invalid.detail["candidates"] = list(self._list_similar_corporation_numbers(invalid))
            raise
        reader_name = self._context.reader_name
        try:
            self._context.ask_publisher(number.value)
            with self._context.database.read() as conn:
                joined_read = joined_reads.search_corporation_number(
                    conn,
                    number.value,
                    reader_name,
                    includes_unlisted_names=self._context.allows_names_without_operator_row,
                )
                money_groups = (
                    _find_money_records(conn, number.value) if joined_read.has_orders_or_payments else ((), (), ())
                )
                checks, *money_groups_with_relations = self._add_relations_to_groups(
                    conn, joined_read.credit_checks, *money_groups
                )
                corporation_facts = self._read_registry_facts(conn, number.value)
                totals = self._sum_amounts(conn, number.value) if joined_read.has_orders_or_payments else ()
                if reader_name is not None:
                    require_reader(conn, reader_name, joined_read.person)
        except ConsoleError as refusal:
            # The database refused the read; `require_right` raises a more precise error.
            if refusal.detail.get("reason") == NotAllowedReason.NO_GRANT:
                self._context.require_right("read")
            raise
        orders, payments, refunds = (
            _add_registry_entry(group, corporation_facts) for group in money_groups_with_relations
        )
        return LookupResult(
            number.value,
            _add_registry_entry(checks, corporation_facts),
            number.had_prefix,
            orders,
            payments,
            refunds,
            corporation_facts,
            totals,
        )

    def _sum_amounts(self, conn: Connection, corporation_number: str) -> "tuple[CompanyTotals, ...]":
        """Return the corporation's amounts, one total for each currency (minor units): paid and refunded within
        TOTALS_PERIOD, and the refunds that are accepted or have an unknown outcome now.

        The modules that compute the sums are imported only when this method runs, because only a lookup with payments
        needs them.
        """
        from console.domain.views.company import TOTALS_PERIOD
        from console.store.records import company

        return company.sum_money_of_corporation(conn, corporation_number, self._context.now() - TOTALS_PERIOD)

    def read_notes(self, record_keys: Collection[tuple[str, int]]) -> "tuple[Note, ...]":
        """Return the newest notes of the records `record_keys` (pairs of kind and id), newest first, at most
        MAX_ROWS_ON_COMPANY_PAGE for each kind of record. Raises not_allowed if the acting person has no right to
        read."""
        from console.store.records import company

        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return company.read_notes(conn, record_keys)

    def read_documents(self, record_keys: Collection[tuple[str, int]]) -> "tuple[CompanyDocument, ...]":
        """Return the newest documents (PDFs) of the records `record_keys` (pairs of kind and id), newest first, at
        most MAX_ROWS_ON_COMPANY_PAGE for each kind of record. Raises not_allowed if the acting person has no right to
        read."""
        from console.store.records import company

        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return company.read_documents(conn, record_keys)

    def read_history(self, record_keys: Collection[tuple[str, int]]) -> "tuple[CompanyEvent, ...]":
        """Return the newest events of the records `record_keys` (pairs of kind and id), all records together, newest
        first, at most MAX_ROWS_ON_COMPANY_PAGE. Raises not_allowed if the acting person has no right to read."""
        from console.store.records import company

        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return company.read_history(conn, record_keys)

    def _read_registry_facts(self, conn: Connection, corporation_number: str) -> "CorporationFacts | None":
        """Return the corporation registry's facts about the number; None if this desk has no registry. The registry's
        modules are imported only if the desk has a registry.
        """
        if self._context.open_registry() is None:
            return None
        from console.services.registry.facts import read_facts

        return read_facts(self._context, conn, corporation_number)

    def _add_relations_to_groups(
        self, conn: Connection, *groups: "Sequence[QueuedRecord]"
    ) -> "list[tuple[Any, ...]]":
        """Return the groups of records in their given sequence; each record has its relations (facts of related
        rows). Leave out a record if a related row can't be read. If there are only credit checks, and none of them
        needs such facts for its explanation, read nothing and give them empty relations.
        """
        has_registry = self._context.open_registry() is not None
        records = [record for group in groups for record in group]
        needs_relations = (
            _lacks_successor(records)
            or any(_needs_relations(record, has_registry=has_registry) for record in records)
            or self._is_renewal_stopped(conn, records)
        )
        if not needs_relations:
            return [tuple(map(_add_empty_relations, group)) for group in groups]
        # Imported here, because a lookup that reads no relations doesn't need the modules of all kinds of records.
        from console.services.records.completer import map_readable_records

        completed_by_type_and_id = map_readable_records(self._complete_records, conn, records)
        return [
            tuple(
                completed_by_type_and_id[type(record), record.id]
                for record in group
                if (type(record), record.id) in completed_by_type_and_id
            )
            for group in groups
        ]

    def _is_renewal_stopped(self, conn: Connection, records: "Sequence[QueuedRecord]") -> bool:
        """True if a credit check in `records` may be renewed, and a read-only switch stops the renewal. The switch
        stops no other next step of credit checks that don't need their relations otherwise (`_needs_relations`)."""
        live_checks = [record for record in records if isinstance(record, CreditCheck) and record.is_live]
        if not live_checks:
            return False
        # other lookups don't need these modules
        from console.domain.recovery.decision_rules import has_expired

        now = self._context.now()
        if not any(has_expired(check, now) for check in live_checks):
            return False
        from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
        from console.services.process.read_only import find_read_only_switch

        return find_read_only_switch(conn, CREDIT_CHECK_PROVIDER) is not None

    def complete_record(self, kind: str, record: "RecordT") -> "RecordT":
        """Return `record`, which a call or a stored answer has returned, with its present relations (facts of related
        rows).

        If the database row of the record is missing or has another version by now, return the record without
        relations, because the present relations don't belong to the version of `record`. Return it without relations
        also if a related row can't be read.
        """
        from console.store.records import any_record

        with self._context.database.read() as conn:
            stored_record = any_record.find(conn, kind, record.id, journal.list_lapsed_record_ids_by_kind(conn))
            if stored_record is None or stored_record.version != record.version:
                return replace(record, relations=None)
            (completed_records,) = self._add_relations_to_groups(conn, (stored_record,))
        return replace(record, relations=completed_records[0].relations if completed_records else None)

    def find_corporation(self, text: str) -> "CorporationFacts | None":
        """Return the corporation registry's facts about the corporation number in `text`; None if `text` isn't a
        corporation number, or if this desk has no registry. Raises not_allowed if the acting person has no right to
        read."""
        if self._context.open_registry() is None:
            return None
        try:
            number = parse_corporation_number(text, allows_test_numbers=self._context.settings.allows_test_numbers)
        except InvalidCorporationNumber:
            return None
        self._context.ask_publisher(number.value)
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return self._read_registry_facts(conn, number.value)

    def read_records(self, record_keys: Collection[tuple[str, int]]) -> "dict[tuple[str, int], QueuedRecord]":
        """Return the existing records among `record_keys` (pairs of kind and id) with the names of their companies;
        the keys of the mapping are these pairs. Records with unreadable rows are left out. Raises not_allowed if the
        acting person has no right to read."""
        from console.services.registry.facts import complete_with_corporations
        from console.store.records import any_record

        self._context.require_right("read")
        with self._context.database.read() as conn:
            lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn)
            record_by_key = any_record.find_readable_records(conn, record_keys, lapsed_ids)
            named_records = complete_with_corporations(self._context, conn, tuple(record_by_key.values()))
        return dict(zip(record_by_key, named_records, strict=True))

    def find_record_numbers(self, subjects: Collection[str]) -> Mapping[str, str]:
        """Return, for each subject of the audit trail that is a record ("payment 17"), the number by which people
        know the record. Records that don't exist are left out. Raises not_allowed if the acting person has no right
        to read."""
        from console.store.records import any_record

        self._context.require_right("read")
        with self._context.database.read() as conn:
            return any_record.read_numbers_of_subjects(conn, subjects)

    def find_similar_corporation_numbers(self, text: str) -> tuple[str, ...]:
        """Return at most three stored corporation numbers that differ from `text` by one typing error; return no
        numbers if `text` is a valid number. Raises not_allowed if the acting person has no right to read."""
        try:
            parse_corporation_number(text)
        except InvalidCorporationNumber as invalid:
            return self._list_similar_corporation_numbers(invalid)
        return ()

    def find_sample_corporation_number(self) -> str | None:
        """Return a corporation number that a new user can look up during a training: that of the newest credit check
        of the training or, if no credit check exists, of its newest payment. Return None if no training is running or
        no record has a number. Raises not_allowed if the acting person has no right to read.
        """
        from console.store.payments import payments  # imported here, because other lookups don't read payments

        if self._context.settings.environment != "training":
            return None
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return credit_checks.find_newest_corporation_number(conn) or payments.find_newest_corporation_number(conn)

    def _list_similar_corporation_numbers(self, number_error: InvalidCorporationNumber) -> tuple[str, ...]:
        typing_variants = (
            list_numbers_one_typing_error_away(number_error.normalized)
            if number_error.reason in ("CHECK_DIGIT", "LENGTH") and number_error.normalized
            else ()
        )
        if not typing_variants:
            return ()
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return credit_checks.list_numbers_with_checks(conn, typing_variants, 3)

    def search(self, text: str, limit: int = 50, prefecture: str | None = None) -> "SearchResult":
        """Return everything that `text` matches: at most `limit` companies, at most `limit` records of each kind,
        operations, and the open alerts about the records. A `limit` outside of 1 to 1,000 becomes the nearest of
        these numbers. `text` may contain operators, amounts and days (see `domain.lookup.search_query`). With
        `prefecture`, return only companies of that prefecture. Raises not_allowed if the acting person has no right
        to read."""
        from console.services.lookup.search import GlobalSearch

        return GlobalSearch(self._context, self._add_relations_to_groups, _find_credit_checks).search(
            text, limit, prefecture
        )


def _needs_relations(record: "QueuedRecord", *, has_registry: bool) -> bool:
    """True if the explanation of the record needs its relations: facts of related rows, such as the payments of an
    order. A bought credit check needs them at a desk with a corporation registry (`has_registry`), because its
    corporation may have changed."""
    return (
        not isinstance(record, CreditCheck)
        or record.certainty is Certainty.UNKNOWN
        or record.state is CheckState.ERROR
        or record.work.state is WorkState.NEEDS_REVIEW
        or (has_registry and record.is_live and record.state is CheckState.SUCCESS)
    )


def _lacks_successor(records: "Sequence[QueuedRecord]") -> bool:
    """True if a credit check of `records` was renewed by one that isn't among them. The database may have lost the
    renewal, and the explanation then says so."""
    checks = [record for record in records if isinstance(record, CreditCheck)]
    known_ids = {None, *(check.id for check in checks)}
    return any(check.superseded_by not in known_ids for check in checks)


def _add_empty_relations(record: "QueuedRecord") -> "QueuedRecord":
    return replace(record, relations=_EMPTY_RELATIONS) if isinstance(record, CreditCheck) else record


def _add_registry_entry(records: "tuple[Any, ...]", facts: "CorporationFacts | None") -> "tuple[Any, ...]":
    """Return the records, which share one corporation number, each with the registry's entry of this number. If
    `facts` is None or contains no entry, return the records unchanged."""
    entry = None if facts is None else facts.entry
    return records if entry is None else tuple(replace(record, registry_entry=entry) for record in records)


def _find_money_records(
    conn: Connection, corporation_number: str
) -> tuple[tuple["Order", ...], tuple["Payment", ...], tuple["Refund", ...]]:
    """Return the orders, payments and refunds of a corporation number.

    The module with the queries is imported only at this call, because a lookup in a database without payments doesn't
    need the module.
    """
    from console.store.records import corporation_records

    money = corporation_records.list_records_of_number(conn, corporation_number)
    return money.orders, money.payments, money.refunds


def _find_credit_checks(
    conn: Connection, query: str, limit: int, lapsed_ids: frozenset[int]
) -> tuple[CreditCheck, ...]:
    """Return at most `limit` credit checks whose corporation number begins with the digits of `query`. If `query` has
    fewer than ten digits, return before them the credit checks whose id in our database or id at the provider is this
    number. If `query` has other characters, return at most `limit` credit checks whose company name, with or without
    a legal form before it, begins with a spelling of `query`. `lapsed_ids` are the ids of the credit checks whose
    purchase has lapsed; these are returned with an unknown outcome."""
    digits = read_first_digits(query.removeprefix("T"))
    if not digits:
        from console.store.records.prefix_search import (
            list_company_name_beginnings,
        )  # other lookups don't read payments

        return credit_checks.find_by_name_prefixes(conn, list_company_name_beginnings(query), limit, lapsed_ids)
    matches = credit_checks.find_by_number_prefix(conn, digits, limit, lapsed_ids)
    if len(digits) < 10:
        check_with_id = credit_checks.find(conn, int(digits), lapsed_ids)
        checks_with_id_at_provider = credit_checks.list_by_id_at_provider(conn, int(digits))
        matches = tuple(
            dict.fromkeys([*([check_with_id] if check_with_id else []), *checks_with_id_at_provider, *matches])
        )
    return matches
