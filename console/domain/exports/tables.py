"""Exports: the lists that a person can write to a file for a spreadsheet, and the columns of such a file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from console.domain.queues.filters import (
    NO_CAUSE,
    NO_FILTER,
    FilteredRecord,
    RecordFilter,
    find_cause,
    get_record_kind,
)

CellValue: TypeAlias = str | int | Decimal | date | datetime | None
FORMULA_CHARACTERS = tuple("=+-@\t\r\n＝＋－＠")
"""First characters of a cell that a spreadsheet reads as a formula: OWASP's list for CSV injection, their full-width
forms and a line feed.
"""


class FileFormat(StrEnum):
    """Format of an exported list (XLSX or CSV); the value is also the suffix of the file."""

    XLSX = "xlsx"
    CSV = "csv"


class DocumentFormat(StrEnum):
    """Format of a document with several tables (PDF or XLSX); the value is also the suffix of the file."""

    PDF = "pdf"
    XLSX = "xlsx"


class ListName(StrEnum):
    """The lists that can be exported, such as a queue, a search or the audit trail. For some lists, `subject` of the
    ExportRequest must be set:

    - BULK (the rows of a bulk run) and DIFFERENCES (the differences of a reconciliation run): the id of the run
    - RUNS (the reconciliation runs): the name of a provider, or "" for all providers
    - REPORT: the name of a report; QUEUE: the name of a queue
    - LOOKUP: a corporation number
    - SEARCH, and COMPANIES (the corporation registry): the searched text
    """

    QUEUE = "queue"  # the queue's name
    LOOKUP = "lookup"  # a corporation number
    SEARCH = "search"  # the searched text
    COMPANIES = "find"  # the searched text, in the corporation registry
    APPROVALS = "approvals"
    ALERTS = "alerts"
    AUDIT = "audit"
    BULK = "bulk"  # the id of a bulk run
    RUNS = "runs"  # a provider's name, or "" for all providers: its reconciliation runs
    DIFFERENCES = "reconciliation"  # the id of a reconciliation run
    SET_ASIDES = "set-asides"
    REPORT = "report"  # the name of a report: the table behind its picture


class CellKind(StrEnum):
    """Kind of a column in an exported list: text, number, amount, day, instant or corporation number. It
    determines the type of the column's cells in a spreadsheet."""

    TEXT = "text"
    NUMBER = "number"
    AMOUNT = "amount"
    """A Decimal in major units (yen, rupees). The currency is in a column of its own."""
    DAY = "day"
    INSTANT = "instant"
    """An aware datetime, which is written in Japanese time. The title of the column names the zone."""
    CORPORATION_NUMBER = "corporation_number"


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """One column of an exported list: its title in the language of the file, its kind, and the function that returns
    the cell of a row.
    """

    title: str
    kind: CellKind
    read_cell: Callable[[Any], CellValue]


@dataclass(frozen=True, slots=True)
class ChosenRecords:
    """The selected records of a list. `refs` has kind and id of the records that are selected one by one. `causes`
    are the causes of the selected groups; NO_CAUSE is the cause of the group of records without a problem. `count` is
    the number of selected records when the person selected them; a group can have changed since.
    """

    refs: frozenset[tuple[str, int]]
    count: int
    causes: frozenset[str] = frozenset()

    def contains(self, record: FilteredRecord) -> bool:
        """True if the record is selected, alone or with its group."""
        is_in_group = (find_cause(record) or NO_CAUSE) in self.causes
        return is_in_group or (get_record_kind(record), record.id) in self.refs


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A person's request to export a list. `subject` is the queue, corporation number, search text or id that the
    list is about, "" for a list without one; `part` is a tab or filter of the list, "" for the whole list.
    `chosen_records` are the selected records, None for all rows. For a queue, `record_filter` is the filter of the
    list, which the database applies, and `has_words` returns True for a row that contains the searched words; it is
    None if no words are searched.
    """

    name: ListName
    subject: str = ""
    part: str = ""
    chosen_records: ChosenRecords | None = None
    record_filter: RecordFilter = NO_FILTER
    has_words: Callable[[Any], bool] | None = None


@dataclass(frozen=True, slots=True)
class ExportTable:
    """A list that is written to a file: its title, its columns, and a function that reads its rows page by page.
    `make_lines_about_export` returns, for the number of written rows, the lines in the file that state its contents,
    the person who exported it, and the time of the export; `about_title` is the title of these lines. `notes` are
    the sentences about the rows and figures, such as that more records match.
    """

    title: str
    columns: Sequence[ExportColumn]
    read_pages: Callable[[], Iterator[Sequence[Any]]]
    make_lines_about_export: Callable[[int], Sequence[str]] = lambda _row_count: ()
    about_title: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenExport:
    """A written export: the absolute path of the file, the number of its data rows (without title rows), its size in
    bytes, and the sentences about its rows and figures, such as that more records match. A CSV file doesn't contain
    these sentences."""

    file: str
    row_count: int
    bytes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentTable:
    """A table of a document: its title, its columns, its rows, and the sentence that the document shows if there
    are no rows."""

    title: str
    columns: Sequence[ExportColumn]
    rows: Sequence[Any]
    no_rows_text: str


@dataclass(frozen=True, slots=True)
class ExportDocument:
    """The content of an exported file: its title, the lines of text below the title, and its tables."""

    title: str
    lines: Sequence[str]
    tables: Sequence[DocumentTable]
