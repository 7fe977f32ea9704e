"""Search companies, records of all kinds, operations, and the alerts about the records by a text that a person
types."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.domain.access.permissions import ROLES_THAT_SEND_REQUEST_IDS
from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.lookup.number_input import find_corporation_number
from console.domain.lookup.search_query import SearchQuery, parse_search
from console.domain.lookup.search_result import FoundRecords, SearchResult, SearchSubject
from console.domain.queues.filters import FilteredRecord, get_record_kind
from console.domain.records import CreditCheck, Operation, Person
from console.domain.registry.corporations import RegistryMatches
from console.domain.tasks.records import Alert
from console.services.process.context import ServiceContext
from console.services.registry.matches import find_matches
from console.store.alerts import alerts
from console.store.credit_checks import credit_checks
from console.store.database.server import reads_views
from console.store.database.sqlalchemy_names import Connection
from console.store.desk_requests import requests
from console.store.lookup import record_search
from console.store.lookup.record_search import RecordSearch
from console.store.operations import journal, request_ids
from console.store.queues.filter_sql import QueueChoice
from console.store.records import prefix_search, takes

if TYPE_CHECKING:
    from console.store.queues.table_queries import QueuedRecord

    GroupsCompleter = Callable[..., list[tuple[QueuedRecord, ...]]]

MAX_RECORDS_PER_KIND = 1_000
"""Largest `limit` of a search: number of records of each kind."""
_UNREADABLE_REGISTRY_CODES = frozenset({ErrorCode.BAD_PROFILE, ErrorCode.STORAGE_FULL})
"""Error codes of a corporation registry that can't be read. The search then returns no companies."""
_log = logging.getLogger("console.registry")
_MAX_FOUND_ALERTS = 50
"""Largest number of open alerts in the result of a search."""
_MAX_CORPORATION_NUMBERS = 20
"""Largest number of companies of which a search also returns the records. The companies are those that the search has
found by their names."""
_MAX_PREFIX_MATCHES = 1_000
"""Largest number of records that a search with conditions reads for each column whose values begin with the search's
words. The conditions are checked for these records only."""
_LONGEST_ID_CHARACTERS = 64
_MAX_DESK_REQUEST_AGE_SECONDS = 24 * 3600
"""Largest age in seconds of the acting person's desk request that a search finds by its id. The answer to a request
id is stored for the same time.
"""


@dataclass(frozen=True, slots=True)
class _MatchedRecordIds:
    """The ids, by kind, of the records that match the words of a search. `is_partial` is True if more records may
    match."""

    ids_by_kind: dict[str, set[int]]
    is_partial: bool = False


class GlobalSearch:
    """Answers the searches of the search box, the lookup page and the terminal. The search writes nothing. Every SQL
    statement reads a limited range of a database index."""

    def __init__(
        self,
        context: ServiceContext,
        complete_groups: "GroupsCompleter",
        find_credit_checks: Callable[..., Sequence[CreditCheck]],
    ) -> None:
        """Store the service context and two functions. `complete_groups` receives groups of records and returns the
        same groups, each record with its relations (facts of related rows). `find_credit_checks` returns the credit
        checks that match a text."""
        self._context = context
        self._add_relations_to_groups = complete_groups
        self._find_credit_checks = find_credit_checks

    def search(self, text: str, limit: int, prefecture: str | None = None) -> SearchResult:
        """Return the matches of `text`, at most `limit` companies and at most `limit` records of each kind; with
        `prefecture`, return only companies of that prefecture. A `limit` outside of 1 to MAX_RECORDS_PER_KIND becomes
        the nearest of these numbers. Without words and conditions in `text`, return nothing. Raises not_allowed if
        the acting person has no right to read."""
        limit, context = max(1, min(limit, MAX_RECORDS_PER_KIND)), self._context
        query = parse_search(text, context.now().astimezone(JST).date(), context.operator or "")
        with context.database.read() as conn:
            person = context.find_reading_person(conn)
            if not query.words and not query.has_conditions:
                return SearchResult(query)
            companies = self._find_companies(conn, query, prefecture, limit)
            matched_ids = self._find_records_by_words(conn, query, companies, limit, person) if query.words else None
            found_records = self._find_records(conn, query, matched_ids, limit)
            operations = tuple(self._find_operations(conn, query.words, person))
            result = SearchResult(
                query,
                companies,
                found_records["payment"],
                found_records["refund"],
                found_records["credit-check"],
                found_records["order"],
                operations,
            )
            alerts_found = _find_alerts(conn, tuple(result.records)) if query.words else ()
        return replace(result, alerts=alerts_found, exact_match=_find_exact_match(result))

    def _find_companies(
        self, conn: Connection, query: SearchQuery, prefecture: str | None, limit: int
    ) -> RegistryMatches:
        """Return at most `limit` companies that match the words of the query; with `prefecture`, return only
        companies of that prefecture. If the registry can't be read, log the error and return no companies; the search
        for records doesn't need the registry.
        """
        if not query.words:
            return RegistryMatches((), None)
        try:
            return find_matches(self._context, conn, query.words, prefecture, limit)
        except ConsoleError as error:
            if error.code not in _UNREADABLE_REGISTRY_CODES:
                raise
            _log.warning("The corporation registry can't be read: %s", error.code)
            return RegistryMatches((), None)

    def _find_records_by_words(
        self, conn: Connection, query: SearchQuery, companies: RegistryMatches, limit: int, person: Person | None
    ) -> _MatchedRecordIds:
        """Return the ids of the records that match the words of the query: by a corporation number, by the name of a
        company, by the first characters of an identifier or of the payer, or by the id of one of the acting person's
        desk requests. `companies` are the companies that match the words; `person` is the acting person, None if no
        name of a person is configured."""
        words = query.words
        number = find_corporation_number(words, allows_test_numbers=self._context.settings.allows_test_numbers)
        if number is not None:
            return _MatchedRecordIds(*record_search.find_record_ids_of_numbers(conn, [number]))
        max_matches = _MAX_PREFIX_MATCHES if query.has_conditions else limit + 1
        checks = self._find_credit_checks(conn, words, max_matches, frozenset())
        numbers = dict.fromkeys(match.corporation.number for match in companies.items if match.has_records)
        if not _has_digits_only(words):
            numbers |= dict.fromkeys(check.corporation_number for check in checks if check.corporation_number)
        ids_by_kind, is_partial = record_search.find_record_ids_of_numbers(
            conn, tuple(numbers)[:_MAX_CORPORATION_NUMBERS]
        )
        ids_by_prefix = prefix_search.find_ids_by_prefix(conn, words, max_matches)
        for kind, further_ids in ids_by_prefix.items():
            ids_by_kind.setdefault(kind, set()).update(further_ids)
        # Without conditions, the records above the limit make `has_more` true.
        is_cut = query.has_conditions and any(
            len(matches) >= max_matches for matches in (checks, *ids_by_prefix.values())
        )
        ids_by_kind.setdefault(credit_checks.CREDIT_CHECK_KIND, set()).update(check.id for check in checks)
        shown_id = prefix_search.parse_refund_number(words)
        if shown_id is not None:
            ids_by_kind.setdefault(shown_id[0], set()).add(shown_id[1])
        for kind, record_id in self._find_record_of_own_request(conn, words, person):
            ids_by_kind.setdefault(kind, set()).add(record_id)
        return _MatchedRecordIds(ids_by_kind, is_partial or is_cut or len(numbers) > _MAX_CORPORATION_NUMBERS)

    def _find_records(
        self, conn: Connection, query: SearchQuery, matched_ids: _MatchedRecordIds | None, limit: int
    ) -> dict[str, FoundRecords]:
        """Return the records that match the query, at most `limit` of each kind, by kind. `matched_ids` are the ids
        of the records that match the query's words; None if it has no words.
        """
        search = RecordSearch(
            self._make_record_choice(conn, query),
            query.days,
            journal.list_lapsed_record_ids_by_kind(conn),
            limit,
            None if matched_ids is None else matched_ids.ids_by_kind,
        )
        matches = record_search.find_records(conn, search)
        completed_groups = self._add_relations_to_groups(conn, *(group.records for group in matches.values()))
        # the ids of a kind may be those of the newest records, also if none of these fulfils the conditions
        partial_kinds = (
            {kind for kind, ids in matched_ids.ids_by_kind.items() if ids}
            if matched_ids is not None and matched_ids.is_partial
            else set()
        )
        return {
            kind: replace(group, records=records, is_partial=group.is_partial or kind in partial_kinds)
            for (kind, group), records in zip(matches.items(), completed_groups, strict=True)
        }

    def _make_record_choice(self, conn: Connection, query: SearchQuery) -> QueueChoice:
        """Return the choice of records that fulfil the conditions of the query, for the store's queries. If one of
        these conditions is about the owner of a record, the choice also contains the owner of each taken record."""
        queue_choice = QueueChoice(query.record_filter, now=self._context.now())
        if not queue_choice.needs_owners:
            return queue_choice
        owner_by_record_id: dict[str, dict[int, str]] = {}
        for take in takes.list_running_takes(conn, self._context.now()):
            owner_by_record_id.setdefault(take.kind, {})[take.subject_id] = take.person
        return replace(queue_choice, owners=owner_by_record_id)

    # -- operations and request ids

    def _find_operations(self, conn: Connection, search_text: str, person: Person | None) -> Iterator[Operation]:
        """Yield the operation whose id is `search_text`. If no operation has this id, yield the last operation of the
        acting person's request id `search_text`.
        """
        if not _may_be_operation_or_request_id(search_text):
            return
        operation = journal.find_with_state_after_lapse(conn, search_text.lower())
        if operation is None and _may_person_have_request_ids(person) and not reads_views(conn):
            operation_id = request_ids.find_operation_id(conn, self._context.operator or "", search_text)
            operation = None if operation_id is None else journal.find_with_state_after_lapse(conn, operation_id)
        if operation is not None:
            yield operation

    def _find_record_of_own_request(
        self, conn: Connection, search_text: str, person: Person | None
    ) -> Iterator[tuple[str, int]]:
        """Yield the kind and id of the record that the acting person has changed by a call with the request id
        `search_text`; yield nothing if the person has made no such call. The request ids of other people are not
        searched.
        """
        if not _may_be_operation_or_request_id(search_text) or not _may_person_have_request_ids(person):
            return
        subject = (
            requests.find_subject_of_own_request(conn, _MAX_DESK_REQUEST_AGE_SECONDS, search_text)
            if reads_views(conn)
            else request_ids.find_subject(conn, self._context.operator or "", search_text)
        )
        if subject is not None and subject[1].isascii() and subject[1].isdecimal():
            yield subject[0], int(subject[1])


def _has_digits_only(search_text: str) -> bool:
    return all(character.isdecimal() or not character.isalnum() for character in search_text)


def _may_be_operation_or_request_id(search_text: str) -> bool:
    """True if `search_text`, the words of a search, have the form of an operation id or a request id."""
    return 0 < len(search_text) <= _LONGEST_ID_CHARACTERS and search_text.isascii() and " " not in search_text


def _may_person_have_request_ids(person: Person | None) -> bool:
    """Return True if the person can have made calls with request ids, or if no name of a person is configured. Return
    False for an auditor or admin, whose account has no right to read the table of request ids on a server."""
    return person is None or not person.roles.isdisjoint(ROLES_THAT_SEND_REQUEST_IDS)


def _find_alerts(conn: Connection, records: Collection[FilteredRecord]) -> tuple[Alert, ...]:
    """Return at most _MAX_FOUND_ALERTS open alerts about these records, newest first."""
    ids: dict[str, list[int]] = {}
    for record in records:
        ids.setdefault(get_record_kind(record), []).append(record.id)
    matching_alerts = [
        alert
        for kind, of_kind in ids.items()
        for of_record in alerts.read_open_alerts_of_subjects(conn, kind, of_kind).values()
        for alert in of_record
    ]
    return tuple(sorted(matching_alerts, key=_get_alert_id, reverse=True)[:_MAX_FOUND_ALERTS])


def _get_alert_id(alert: Alert) -> int:
    return alert.id


def _find_exact_match(result: SearchResult) -> SearchSubject | None:
    """Return the kind and id of the order, payment or refund in `result` whose number, id at the provider,
    idempotency key or payer equals the whole search text; if several records match, prefer the payment. If no such
    record exists, return the kind and id of the operation that was found by its id or request id. Return None if no
    operation was found, or if the search has conditions.
    """
    words = result.query.words
    if result.query.has_conditions or not words:
        return None
    exact_matches = [record for record in result.records if prefix_search.is_exact_match(record, words)]
    if exact_matches:
        return get_record_kind(exact_matches[0]), exact_matches[0].id
    return ("operation", result.operations[0].id) if result.operations else None
