"""Finds corporations by a typed text (`console.domain.lookup.registry_query`), the best first.

A search runs in steps, one for each rank: the whole official name with its legal form, the name without it, the
beginning of a name, a part of a name, and other texts (addresses and post codes). Each step reads the index of
open corporations in the order of row ids, then the index of closed ones. It verifies the texts of the found rows
(module `ranking`) and stops as soon as it has enough matches. Among the matches of a step the shortest name comes
first, because it is closest to the typed text. So a frequent text costs little more than a rare one. Corporations
with records in this console come before all others; among them the same rules apply.

The index lacks the terms of some numbers in addresses (`search_index.list_number_terms`). If a search that requires
the terms of the typed numbers has too few results, it also reads rows without these terms.
"""

import re
import sqlite3
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, product
from typing import Any, NamedTuple, TypeVar

from console.domain.batches import split_into_batches
from console.domain.lookup.registry_query import QueryKind, RegistryQuery
from console.domain.registry.corporations import Corporation
from console.domain.registry.legal_forms import remove_legal_form
from console.store.registry.ranking import CorporationTexts, Rank, Ranking
from console.store.registry.schema import has_folded_texts
from console.store.registry.search_expressions import FullTextExpressions
from console.store.registry.search_filter import make_filter_condition
from console.store.registry.search_index import (
    CLOSED_TERMS_TABLE,
    OPEN_TERMS_TABLE,
)

T = TypeVar("T")
CorporationsReader = Callable[[Collection[int]], Mapping[int, Corporation]]
"""Function that returns the corporations of row ids; a row that an import has deleted is missing."""
MAX_CANDIDATES = 1_000
"""Largest number of rows of the index that one search verifies. A search needs more rows only if many corporations
have each of the pairs of characters of the text, but few have all of the pairs as one text. In this case matches may
be missing.
"""
_MAX_ROWS_OF_PLACE = 10_000
"""Largest number of rows that a search reads without the terms of numbers if a typed number directly follows a city
(龍ケ崎市3710). The index has no term of such a number, so the row can be any row of the city. It is enough for cities
in which streets begin with a number."""
_NUMBER_DIGITS = 13
_MAX_NUMBERS_PER_QUERY = 500
_ROWS_PER_QUERY = 50
"""Number of rows of the search index whose texts one query reads. A search that has enough matches reads no further
rows."""


def search(
    connection: sqlite3.Connection,
    read_corporations: CorporationsReader,
    query: RegistryQuery,
    prefecture_code: str | None,
    limit: int,
    our_numbers: Collection[str],
    row_counts: Mapping[str, int],
) -> tuple[Corporation, ...]:
    """Return at most `limit` corporations that match the query: first those with a number of `our_numbers`, then the
    others, both sorted by rank. `read_corporations` returns the corporations of row ids. `prefecture_code` None:
    search in all prefectures. A hidden corporation (the publisher excludes it from search) is found only by its
    complete number. `row_counts` has, for each frequent term of the search index, the number of open corporations
    with this term (`read_frequent_terms`); if it is empty, the search takes longer.
    """
    candidates = _Candidates(connection, query, prefecture_code, row_counts)
    return _find_matches(candidates, read_corporations, limit, our_numbers)


def search_corporation_numbers(
    connection: sqlite3.Connection,
    query: RegistryQuery,
    prefecture_code: str | None,
    limit: int,
    our_numbers: Collection[str],
    row_counts: Mapping[str, int],
) -> tuple[str, ...]:
    """Return the corporation numbers of the corporations that `search` returns for the same arguments, in the same
    order. This takes less time, because the rows that have been ranked aren't read again."""
    candidates = _Candidates(connection, query, prefecture_code, row_counts)
    return _find_matches(candidates, candidates.find_corporation_numbers, limit, our_numbers)


def _find_matches(
    candidates: "_Candidates",
    read_rows: Callable[[Collection[int]], Mapping[int, T]],
    limit: int,
    our_numbers: Collection[str],
) -> tuple[T, ...]:
    """Return the results of `read_rows` for the row ids of the matches: first those with a number of `our_numbers`,
    then the others, both sorted by rank; at most `limit`. `read_rows` gets several row ids and returns no result for
    a row that an import has deleted."""
    if candidates.query.kind is QueryKind.EMPTY or limit <= 0:
        return ()
    row_ids: dict[int, None] = {}
    best_row_ids = _rank_our_corporations(candidates, [int(number) for number in our_numbers])
    for row_id in chain(best_row_ids, _find_row_ids_by_rank(candidates, limit, row_ids)):
        row_ids[row_id] = None
        if len(row_ids) == limit:  # asked before the next row, for which another step may read the index
            break
    matches_by_row_id = read_rows(row_ids)
    return tuple(matches_by_row_id[row_id] for row_id in row_ids if row_id in matches_by_row_id)


def _rank_our_corporations(candidates: "_Candidates", numbers: Sequence[int]) -> list[int]:
    """Return the row ids of the corporations with one of these numbers that match the query, the best first. Hidden
    corporations, and those outside the prefecture of the search, are left out."""
    ranked_rows = [
        (one.rank, is_closed, _get_name_length(one), one.row_id)
        for row, is_closed in candidates.read_rows_with_numbers(numbers)
        if (one := candidates.rank_row(row)).rank is not None
    ]
    return [row_id for *_, row_id in sorted(ranked_rows)]


class _Candidate(NamedTuple):
    """A corporation that may match the query: its row id in the table `corporations`, its corporation number, its
    name and its rank; `rank` is None if its texts don't match.
    """

    row_id: int
    corporation_number: str
    corporation_name: str
    rank: Rank | None


def _get_rank(candidate: _Candidate) -> Rank:
    assert candidate.rank is not None  # noqa: S101  # only matches have one
    return candidate.rank


class _IndexScan:
    """The rows that one statement reads from the index: each row id, in ascending order, with 0 if the filter
    excludes the row, otherwise 1. The rows that were read stay in memory. A second iteration first yields these rows,
    and then reads the next ones. `is_complete` is True if all rows were read. `is_counted` is True if
    `_Candidates.count_scanned_rows` has counted the rows of this scan.
    """

    def __init__(self, rows: Iterator[tuple[int, int]]) -> None:
        self._further_rows = rows
        self._read_rows: list[tuple[int, int]] = []
        self.is_complete = self.is_counted = False

    def __iter__(self) -> Iterator[tuple[int, int]]:
        yield from tuple(self._read_rows)
        for row in self._further_rows:
            self._read_rows.append(row)
            yield row
        self.is_complete = True

    def list_read_row_ids(self) -> list[int]:
        """Return the ids of the rows read so far, without those that the filter excludes."""
        return [row_id for row_id, may_match in self._read_rows if may_match]

    @property
    def row_count(self) -> int:
        """The number of rows read so far."""
        return len(self._read_rows)

    @property
    def last_row_id(self) -> int:
        """The id of the last read row; 0 if none was read."""
        return self._read_rows[-1][0] if self._read_rows else 0


class _Candidates:
    """The rows that the search index finds for one query. Each row is ranked only once, even if several steps of
    the search read it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        query: RegistryQuery,
        prefecture_code: str | None,
        row_counts: Mapping[str, int],
    ) -> None:
        self.connection = connection
        self.query = query
        self.prefecture_code = prefecture_code
        self.ranking = Ranking(query)
        self.expressions = FullTextExpressions(row_counts)
        self._expressions_without_numbers = FullTextExpressions(row_counts, requires_numbers=False)
        self.remaining_verifications = MAX_CANDIDATES
        self._known_candidates: dict[int, _Candidate] = {}
        self._scans: dict[tuple[str, str, int], _IndexScan] = {}
        self._has_folded_texts = has_folded_texts(connection)
        self._filter_sql, self._filter_values = make_filter_condition(query) if self._has_folded_texts else ("1", {})
        folded_columns = (
            ("c.folded_names", "p.folded || c.folded_street") if self._has_folded_texts else ("NULL", "NULL")
        )
        self._texts_sql = _CORPORATION_TEXTS_SQL.format(*folded_columns)

    def open_scan(self, table: str, expression: str, after_id: int = 0) -> _IndexScan:
        """Return the scan of the rows that match a full-text expression in `table`, one of the two tables of the
        index, beginning after the row id `after_id`. A second call with the same arguments returns the same scan, so
        that the index is read only once."""
        key = table, expression, after_id
        if key not in self._scans:
            self._scans[key] = _IndexScan(self._read_index(*key))
        return self._scans[key]

    def find_begun_scan(self, table: str, expression: str | None) -> _IndexScan | None:
        """Return the scan that an earlier call of `open_scan` has begun for this table and expression, from the
        beginning of the index. Return None if there was no such call, or if `expression` is None.
        """
        return None if expression is None else self._scans.get((table, expression, 0))

    def _read_index(self, table: str, expression: str, after_id: int) -> Iterator[tuple[int, int]]:
        query = _FILTER_MATCHES_QUERY.format(table, self._filter_sql)
        if self.prefecture_code is not None:
            expression = f'"={self.prefecture_code}" AND ({expression})'
        values = {**self._filter_values, "terms": expression, "after": after_id}
        return self.connection.execute(query, values)

    def verify_rows(self, scan: _IndexScan) -> Iterator[_Candidate | None]:
        """Yield a candidate for each row of the scan, in the order of row ids. Yield None for a row that the SQL
        filter excludes."""
        rows = iter(scan)
        while part := list(islice(rows, _ROWS_PER_QUERY)):
            self.rank_row_ids([row_id for row_id, may_match in part if may_match])
            for row_id, may_match in part:
                yield self._known_candidates.get(row_id) if may_match else None

    def rank_row_ids(self, row_ids: Collection[int]) -> list[_Candidate]:
        """Return a candidate for each of these row ids, in their order; a row that an import has deleted is left out.
        The rows are read by a few statements, because one statement per row would take as long as the ranking.
        """
        new_ids = [row_id for row_id in row_ids if row_id not in self._known_candidates]
        for part in split_into_batches(new_ids, _MAX_NUMBERS_PER_QUERY):
            ids_sql = ", ".join(map(str, part))
            for row in self.connection.execute(f"SELECT {self._texts_sql} WHERE c.id IN ({ids_sql})"):
                self.rank_row(row)
        known_candidates = (self._known_candidates.get(row_id) for row_id in row_ids)
        return [candidate for candidate in known_candidates if candidate is not None]

    def find_ids_without_number_terms(self) -> dict[int, bool]:
        """Return the row ids that the full-text expression of all ranks finds if it doesn't require numbers, and that
        fulfil the filter, each with True for a closed corporation. The result is empty if the expression requires no
        numbers anyway. At most MAX_CANDIDATES rows are read, or _MAX_ROWS_OF_PLACE (see there); matches after them
        are missing."""
        is_closed_by_id: dict[int, bool] = {}
        if not _DIGIT_PATTERN.search(self.query.whole_name.address):
            return is_closed_by_id
        expressions = self._expressions_without_numbers.list_expressions_of_all_ranks(self.query)[-1:]
        if expressions == self.expressions.list_expressions_of_all_ranks(self.query)[-1:]:
            return is_closed_by_id
        remaining_rows = _MAX_ROWS_OF_PLACE if self._has_number_after_place() else MAX_CANDIDATES
        for expression, table in product(expressions, (OPEN_TERMS_TABLE, CLOSED_TERMS_TABLE)):
            for row_id, may_match in islice(self.open_scan(table, expression), remaining_rows):
                remaining_rows -= 1
                if may_match and len(is_closed_by_id) < MAX_CANDIDATES:
                    is_closed_by_id[row_id] = table == CLOSED_TERMS_TABLE
        return is_closed_by_id

    def _has_number_after_place(self) -> bool:
        """True if a word of the query is the end of a prefecture and city with a number directly after it, such as
        木祖村123. False for a registry without comparison forms, which has no filter, so that each row would be
        ranked."""
        words = {word.address for word in (self.query.whole_name, *self.query.words)}
        beginnings = {_DIGIT_PATTERN.split(address, 1)[0] for address in words} - words - {""}
        return self._has_folded_texts and any(
            self.connection.execute(_PLACE_BY_END_QUERY, {"end": beginning}).fetchone() for beginning in beginnings
        )

    def count_scanned_rows(self, scan: _IndexScan) -> None:
        """Add the rows that `scan` has read from the index to the number of rows that this search has compared with
        the query. A second call for the same scan adds nothing. A search ends after MAX_CANDIDATES compared rows."""
        if not scan.is_counted:
            scan.is_counted = True
            self.remaining_verifications = max(0, self.remaining_verifications - scan.row_count)

    def find_corporation_numbers(self, row_ids: Collection[int]) -> dict[int, str]:
        """Return the corporation numbers of rows by their ids; a row that an import has deleted is missing."""
        numbers = {
            row_id: self._known_candidates[row_id].corporation_number
            for row_id in row_ids
            if row_id in self._known_candidates
        }
        for row_id in row_ids:
            if row_id not in numbers:
                numbers.update(self.connection.execute(_NUMBER_BY_ID_QUERY, (row_id,)))
        return numbers

    def read_rows_with_numbers(self, numbers: Sequence[int]) -> Iterator[tuple[tuple[Any, ...], bool]]:
        """Yield the rows (id and texts) of the corporations with these numbers that can match the query, each with
        True if the corporation is closed. Hidden corporations are left out. If the search has a prefecture,
        corporations outside it are left out, too."""
        for part in split_into_batches(numbers, _MAX_NUMBERS_PER_QUERY):
            query = _TEXTS_BY_NUMBERS_QUERY.format(self._texts_sql, ", ".join(map(str, part)), self._filter_sql)
            for is_closed, *row in self.connection.execute(
                query, {**self._filter_values, "code": self.prefecture_code}
            ):
                yield tuple(row), bool(is_closed)

    def list_matches(self) -> list[int]:
        """Return the row ids of all matches ranked until now, the best first. If the search has ended because
        MAX_CANDIDATES rows were verified, the result also contains matches of ranks that no step of the search has
        reached."""
        matches = [row for row in self._known_candidates.values() if row.rank is not None]
        return [match.row_id for match in sorted(matches, key=_get_rank)]

    def rank_row(self, row: tuple[Any, ...]) -> _Candidate:
        """Return the candidate of a row (id and texts of a corporation) with its rank."""
        row_id = row[0]
        known_candidate = self._known_candidates.get(row_id)
        if known_candidate is None:
            texts = CorporationTexts(*row[1:])
            known_candidate = _Candidate(row_id, texts.corporation_number, texts.name, self.ranking.rank(texts))
            self._known_candidates[row_id] = known_candidate
        return known_candidate


_CORPORATION_TEXTS_SQL = """
    c.id, printf('%013d', c.number), c.name, c.furigana, c.english_name,
        coalesce(nullif(p.prefecture || p.city || c.street, ''), c.address_outside),
        coalesce(substr('0000000' || c.post_code, -7), ''), {}, {}
    FROM corporations c JOIN places p ON p.id = c.place_id
"""
_DIGIT_PATTERN = re.compile(r"\d")
_PLACE_BY_END_QUERY = "SELECT 1 FROM places WHERE substr(folded, -length(:end)) = :end"
_NUMBER_BY_ID_QUERY = "SELECT id, printf('%013d', number) FROM corporations WHERE id = ?"
_TEXTS_BY_NUMBERS_QUERY = """
    SELECT c.closed_on IS NOT NULL, {}
    WHERE NOT c.is_hidden AND p.prefecture_code = coalesce(:code, p.prefecture_code) AND c.number IN ({}) AND {}
"""
_FILTER_MATCHES_QUERY = """
    SELECT c.id, {1} FROM {0} CROSS JOIN corporations c ON c.id = {0}.rowid CROSS JOIN places p ON p.id = c.place_id
    WHERE {0} MATCH :terms AND {0}.rowid > :after ORDER BY {0}.rowid
"""


def _find_row_ids_by_rank(candidates: _Candidates, limit: int, found_ids: Container[int]) -> Iterator[int]:
    """Yield the row ids of matches: first the corporation whose complete number was typed, then the others, the best
    rank first. Each step yields the matches of one rank, at most `limit` ids from each table of the index, and leaves
    out those in `found_ids`. The matches that lack the terms of typed numbers follow; if the rows are few, all
    matches are sorted together. If the search ends because MAX_CANDIDATES rows were verified, all matches known so
    far follow instead."""
    query, prefecture_code = candidates.query, candidates.prefecture_code
    if query.number is not None:
        yield from _yield_row_ids(
            candidates.connection.execute(_ID_BY_NUMBER_QUERY, (int(query.number), prefecture_code))
        )
    few_ids = _FewRowIds() if query.digits else _find_few_row_ids(candidates, limit)
    if few_ids.is_closed_by_id_of_all_ranks is not None:
        further_ids = candidates.find_ids_without_number_terms()
        yield from _rank_few_rows(candidates, few_ids.is_closed_by_id_of_all_ranks | further_ids)
        return
    # A word that the index isn't read for can give a row its rank. The step of parts of names leaves such rows out.
    first_known_rank = Rank.ELSEWHERE if candidates.expressions.leaves_words_out(query) else Rank.PART
    for rank in Rank:
        for table in (OPEN_TERMS_TABLE, CLOSED_TERMS_TABLE):
            if rank <= Rank.BEGINNING and few_ids.is_closed_by_id_of_name_ranks is not None:
                is_of_closed = table == CLOSED_TERMS_TABLE
                row_ids = [
                    id for id, is_closed in few_ids.is_closed_by_id_of_name_ranks.items() if is_closed is is_of_closed
                ]
                ranked_candidates = _select_candidates_of_rank(candidates, rank, row_ids)
            else:
                read_expression = few_ids.full_expression if rank >= first_known_rank else None
                ranked_candidates = _find_ranked_candidates(candidates, rank, table, read_expression)
            new_candidates = (one for one in ranked_candidates if one.row_id not in found_ids)
            for candidate in sorted(islice(new_candidates, limit), key=_get_name_length):
                yield candidate.row_id
        if rank is Rank.NAME and query.digits:
            yield from _find_row_ids_by_digits(candidates.connection, query.digits, prefecture_code)
    if candidates.remaining_verifications == 0:
        yield from candidates.list_matches()
    else:
        yield from _rank_few_rows(candidates, candidates.find_ids_without_number_terms())


class _FewRowIds(NamedTuple):
    """The row ids that `_find_few_row_ids` has read from the full-text index for one query: all row ids of some
    ranks, where they are few (see `_find_filtered_ids_if_few`). A dictionary has the row ids of the corporations that
    may match the query and fulfil its filter, each with True if the corporation is closed.

    `is_closed_by_id_of_all_ranks` has the row ids for all ranks. `is_closed_by_id_of_name_ranks` has the row ids for
    the ranks WHOLE_NAME, NAME and BEGINNING, and may have further ones. Each is None if its row ids are too many, or
    if no expression finds them without those of the other ranks. `full_expression` is the full-text expression that
    finds the rows of all ranks, if the index was read by it, so that its first rows are already known; otherwise
    None.
    """

    is_closed_by_id_of_name_ranks: dict[int, bool] | None = None
    is_closed_by_id_of_all_ranks: dict[int, bool] | None = None
    full_expression: str | None = None


def _find_few_row_ids(candidates: _Candidates, limit: int) -> _FewRowIds:
    """Read the index for the query, first for all ranks, then for the ranks up to BEGINNING, until a scan finds only
    few row ids, and return them. `limit` is the largest number of results of the search.
    """
    query, expressions = candidates.query, candidates.expressions
    all_expressions = expressions.list_expressions_of_all_ranks(query)
    if not all_expressions:
        return _FewRowIds({}, {})
    *whole_text_expressions, last_expression = all_expressions
    full_expression: str | None = last_expression
    ids_of_whole_text = None
    for expression in whole_text_expressions:
        ids_of_whole_text = _find_filtered_ids_if_few(candidates, expression, limit)
        if ids_of_whole_text is None:
            full_expression = None
    if full_expression is not None:
        ids_of_all_ranks = _find_filtered_ids_if_few(candidates, full_expression, limit)
        if ids_of_all_ranks is not None:
            return _FewRowIds(ids_of_all_ranks, ids_of_all_ranks)
    if ids_of_whole_text is not None and not query.words:
        return _FewRowIds(ids_of_whole_text, None, full_expression)
    names_expression = expressions.make_names_expression(query)
    ids_of_names = (
        None if names_expression is None else _find_filtered_ids_if_few(candidates, names_expression, limit)
    )
    return _FewRowIds(ids_of_names, None, full_expression)


def _rank_few_rows(candidates: _Candidates, is_closed_by_id: dict[int, bool]) -> list[int]:
    """Return the row ids of those rows that match the query, the best first. `is_closed_by_id` has the rows: for each
    row id True if the corporation is closed, False if it is open."""
    ranked_matches = [
        (
            ranked_candidate.rank,
            is_closed_by_id[ranked_candidate.row_id],
            _get_name_length(ranked_candidate),
            ranked_candidate.row_id,
        )
        for ranked_candidate in candidates.rank_row_ids(is_closed_by_id)
        if ranked_candidate.rank is not None
    ]
    return [row_id for *_, row_id in sorted(ranked_matches, key=lambda entry: entry[:3])]


def _find_filtered_ids_if_few(candidates: _Candidates, expression: str, limit: int) -> dict[int, bool] | None:
    """Return the row ids that match a full-text expression and fulfil the filter, each with True for a closed
    corporation. Return None if there are too many: more than MAX_CANDIDATES, or more than 2 * `limit` of which more
    than `limit` fulfil the filter."""
    is_closed_by_id: dict[int, bool] = {}
    count = 0
    for table in (OPEN_TERMS_TABLE, CLOSED_TERMS_TABLE):
        for row_id, may_match in candidates.open_scan(table, expression):
            count += 1
            if may_match:
                is_closed_by_id[row_id] = table == CLOSED_TERMS_TABLE
            if count > MAX_CANDIDATES or (count > 2 * limit and len(is_closed_by_id) > limit):
                return None
    return is_closed_by_id


def _get_name_length(candidate: _Candidate) -> int:
    return len(remove_legal_form(candidate.corporation_name))


_ID_BY_NUMBER_QUERY = """
    SELECT c.id FROM corporations c JOIN places p ON p.id = c.place_id
    WHERE c.number = ? AND p.prefecture_code = coalesce(?, p.prefecture_code)
"""
_IDS_BY_DIGITS_QUERY = """
    SELECT c.id FROM corporations c JOIN places p ON p.id = c.place_id
    WHERE c.number BETWEEN ? AND ? AND NOT c.is_hidden AND p.prefecture_code = coalesce(?, p.prefecture_code)
    ORDER BY c.closed_on IS NOT NULL, c.number
"""


def _yield_row_ids(rows: Iterable[tuple[int]]) -> Iterator[int]:
    """Yield the row id of each row, its only column."""
    return (row_id for (row_id,) in rows)


def _find_ranked_candidates(
    candidates: _Candidates, rank: Rank, table: str, read_expression: str | None
) -> Iterator[_Candidate]:
    """Yield the corporations of the rank `rank` or a better one that the full-text expression of this rank finds in
    `table`, one of the two tables of the index. Stop after MAX_CANDIDATES verified rows of the whole search.
    `read_expression` is another expression that finds these corporations, too, and whose first rows were read before;
    these rows aren't read again.
    """
    expression = candidates.expressions.make_expression_for_rank(candidates.query, rank)
    if expression is None:
        return
    earlier_scan = candidates.find_begun_scan(table, read_expression)
    last_row_id = 0
    if earlier_scan is not None:
        candidates.count_scanned_rows(earlier_scan)
        last_row_id = earlier_scan.last_row_id
        yield from _select_candidates_of_rank(candidates, rank, earlier_scan.list_read_row_ids())
        if earlier_scan.is_complete:
            return
    for candidate in candidates.verify_rows(candidates.open_scan(table, expression, last_row_id)):
        if candidates.remaining_verifications == 0:
            return
        candidates.remaining_verifications -= 1
        if candidate is not None and candidate.rank is not None and candidate.rank <= rank:
            yield candidate


def _select_candidates_of_rank(candidates: _Candidates, rank: Rank, row_ids: Collection[int]) -> Iterator[_Candidate]:
    """Yield the candidates of the rows with these ids that have the rank `rank` or a better one."""
    for candidate in candidates.rank_row_ids(row_ids):
        if candidate.rank is not None and candidate.rank <= rank:
            yield candidate


def _find_row_ids_by_digits(
    connection: sqlite3.Connection, digits: str, prefecture_code: str | None
) -> Iterator[int]:
    """Yield the row ids of the corporations whose number begins with these digits, with or without its check
    digit. Hidden corporations are left out, and those outside the prefecture, if `prefecture_code` isn't None."""
    for beginning in (digits, *(f"{check}{digits}" for check in range(1, 10))):
        if len(beginning) > _NUMBER_DIGITS:
            continue
        missing_digits = _NUMBER_DIGITS - len(beginning)
        first_number = int(beginning) * 10**missing_digits
        yield from _yield_row_ids(
            connection.execute(
                _IDS_BY_DIGITS_QUERY, (first_number, first_number + 10**missing_digits - 1, prefecture_code)
            )
        )
