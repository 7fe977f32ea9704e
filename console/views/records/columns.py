"""The columns of tables whose rows are records. A page selects the columns by name. The rows are records of one kind
or of several kinds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.domain.access.permissions import WORKER
from console.domain.explained_state import WorkBadge
from console.domain.payments.records import Payment, Refund
from console.domain.record_kinds import RECORD_KINDS
from console.domain.records import CreditCheck
from console.views.presenters import columns
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.presenters.columns import CELL_PADDING_PX, get_min_column_width, measure_column_width
from console.views.presenters.records import ShownRecord
from console.views.runtime.context import WindowContext
from console.views.tables.columns import CellKind, Column
from console.views.theme.theme import current_appearance
from console.wording.sentences import catalogue as wording

RecordGetter = Callable[[Any], ShownRecord]
"""Type of a function that returns the record of a table's row."""
_STATE_NAMES_BY_STATE_GROUP = {
    "credit_check": ("credit_check", "pending", "success", "error", "superseded", "incomplete"),
    "waiting": ("payment", "token_generated", "user_payment"),
    "payment": ("payment", "callback_received", "signature_verified", "completed", "expired"),
    "refund": ("refund", "requested", "approved", "submitted", "failed"),
    "business": ("business", "partly_refunded"),
    "order": ("order", "pending", "cancelled", "delivered"),
}
"""For each group of states: the family of its badges, then the states that can occur in a table. The longest word for
these states decides the width of the column of states.
"""
ALL_STATE_GROUPS = tuple(_STATE_NAMES_BY_STATE_GROUP)
CREDIT_CHECK_STATES_ONLY = ("credit_check",)
MIN_LARGE_TEXT_SCALE = 1.5
_LONG_RECORD_NUMBER = "ORD-20261120-000123"


def format_name_with_kind(record: ShownRecord, context: WindowContext) -> str:
    """Return the name of a record in a list of records of several kinds: its kind and its number or id. At a large
    text size, at which the row has no room for the kind, return the short name of the record."""
    return (
        case_words.format_record_title(record, context)
        if current_appearance().scale < MIN_LARGE_TEXT_SCALE
        else case_words.format_short_title(record, context)
    )


def measure_width_of_name_with_kind(context: WindowContext) -> int:
    """Return the width (px at text scale 1.0) of a column with the names of `format_name_with_kind`."""
    return _measure_name(context.translate("case.title.payment", number=_LONG_RECORD_NUMBER))


def _measure_name(longest_name: str) -> int:
    return measure_column_width(longest_name, CELL_PADDING_PX + 4, "data")


def return_record(record: ShownRecord) -> ShownRecord:
    """Return the record unchanged. Tables whose rows are records themselves use this function as their
    `get_record`."""
    return record


def make_record_columns(
    context: WindowContext,
    names: Sequence[str],
    get_record: RecordGetter,
    get_since: Callable[[Any], datetime | None] | None = None,
    state_groups: Sequence[str] = ALL_STATE_GROUPS,
) -> list[Column]:
    """Return the columns of a table of records, in the order of `names`. `get_record` returns the record of a row.
    `get_since` returns the instant from which the age of a row is counted; by default, this is the instant since
    which the record has its state. `state_groups` are keys of _STATE_NAMES_BY_STATE_GROUP: the groups of states that
    can occur in the table, from which the width of the column of states is computed.

    Raises KeyError if a name is unknown.
    """
    get_age_start = get_since or (lambda item: get_record(item).state_since)
    factory = _RecordColumnFactory(context, get_record, state_groups)
    return [
        columns.make_age_column(context, get_age_start) if name == "age" else _COLUMN_FACTORY_BY_NAME[name](factory)
        for name in names
    ]


def make_credit_check_columns(
    context: WindowContext,
    names: Sequence[str],
    get_record: Callable[[Any], CreditCheck],
    get_since: Callable[[Any], datetime | None] | None = None,
) -> list[Column]:
    """Return the columns of a table whose rows are credit checks only. The arguments have the same meaning as in
    `make_record_columns`."""
    return make_record_columns(context, names, get_record, get_since, CREDIT_CHECK_STATES_ONLY)


@dataclass(frozen=True, slots=True)
class _RecordColumnFactory:
    """Makes the columns of one table. `get_record` returns the record of a row. `state_groups` are keys of
    _STATE_NAMES_BY_STATE_GROUP: the groups of states that can occur in the table."""

    context: WindowContext
    get_record: RecordGetter
    state_groups: Sequence[str]

    @property
    def has_only_checks(self) -> bool:
        """True if all rows of the table are credit checks."""
        return self.state_groups == CREDIT_CHECK_STATES_ONLY

    @property
    def has_several_kinds(self) -> bool:
        """True if the rows of the table are records of several kinds."""
        return len({"credit_check", "payment", "refund", "order"} & set(self.state_groups)) > 1

    def make_column(
        self,
        column_name: str,
        width_px: int,
        format_cell: Callable[[ShownRecord], str],
        kind: CellKind = "text",
        *,
        title_key: str = "",
        is_stretched: bool = False,
    ) -> Column:
        """Return a column that shows the result of `format_cell` for the record of a row. `width_px` is the width in
        px at text scale 1.0. The title is the text of the wording key `title_key`, by default `column.{column_name}`.
        `kind` is the kind of the cells. If `is_stretched` is True, the column also takes free width of the table (see
        Column)."""
        get_record = self.get_record
        title = self.context.translate(title_key or f"column.{column_name}")
        return Column(column_name, title, width_px, lambda item: format_cell(get_record(item)), kind, is_stretched)

    def make_badge_column(
        self, column_name: str, longest_word: str, get_badge_key: Callable[[ShownRecord], str]
    ) -> Column:
        """Return a column of badges. `get_badge_key` returns the key of the badge for the record of a row.
        `longest_word` is the longest word that a badge in this column can have; it decides the width of the
        column."""
        get_record = self.get_record
        return columns.make_badge_column(
            self.context, column_name, longest_word, lambda item: get_badge_key(get_record(item))
        )

    def find_longest_word(self, badge_family: str, *states: str) -> str:
        """Return the longest word of the badges of the family `badge_family` for these states, in the window's
        language."""
        return words.find_longest_badge_word(badge_family, self.context.language, *states)


def _make_corporation_column(factory: _RecordColumnFactory) -> Column:
    """Return the column with the name of the record's company, under the key `corporation`."""
    return _make_company_column(factory, "corporation")


def _make_company_column(factory: _RecordColumnFactory, name: str = "company") -> Column:
    """Return the column with the name of the record's company; if the name isn't known, it shows the corporation
    number. `name` is the key of the column."""

    def format_name(record: ShownRecord) -> str:
        number = case_words.get_corporation_number(record)
        return case_words.get_record_company_name(record, factory.context) or (
            wording.format_corporation_number(number) if number else ""
        )

    width = 150 if factory.has_only_checks else 140
    return factory.make_column(name, width, format_name, title_key="column.corporation", is_stretched=True)


def _make_corporation_number_column(factory: _RecordColumnFactory) -> Column:
    """Return the column of corporation numbers."""
    return columns.make_corporation_number_column(
        factory.context, lambda item: case_words.get_corporation_number(factory.get_record(item))
    )


def _make_record_id_column(factory: _RecordColumnFactory) -> Column:
    translate = factory.context.translate
    return factory.make_column(
        "record",
        measure_column_width(translate("record.short", id=88_888)),
        lambda record: translate("record.short", id=record.id),
        "data",
    )


def _make_name_column(factory: _RecordColumnFactory) -> Column:
    """Return the column that names the record. It shows the number of a payment or order, and the id of a record of
    another kind. In a table with several kinds of records, the word for the kind precedes the number, except at large
    text sizes."""
    context = factory.context

    def format_name(record: ShownRecord) -> str:
        return (
            format_name_with_kind(record, context)
            if factory.has_several_kinds
            else case_words.format_short_title(record, context)
        )

    if factory.has_several_kinds:
        width = measure_width_of_name_with_kind(context)
    elif factory.has_only_checks:
        width = _measure_name(context.translate("record.short", id=88_888))
    else:
        width = _measure_name(_LONG_RECORD_NUMBER)
    return factory.make_column("name", width, format_name, "data", title_key="column.record")


def _make_kind_column(factory: _RecordColumnFactory) -> Column:
    translate = factory.context.translate
    longest_word = max((translate(f"kind.{kind}") for kind in RECORD_KINDS), key=len)
    return factory.make_column(
        "kind",
        measure_column_width(longest_word, CELL_PADDING_PX),
        lambda record: translate(f"kind.{case_words.get_record_kind(record)}"),
    )


def _make_client_column(factory: _RecordColumnFactory) -> Column:
    def format_client(record: ShownRecord) -> str:
        return record.client_id if isinstance(record, CreditCheck) else ""

    return factory.make_column(
        "client",
        measure_column_width(factory.context.translate("column.client"), CELL_PADDING_PX + 4),
        format_client,
        "data",
    )


def _make_provider_column(factory: _RecordColumnFactory) -> Column:
    return factory.make_column(
        "provider", 84, lambda record: case_words.get_record_provider_name(record, factory.context)
    )


def _make_amount_column(factory: _RecordColumnFactory) -> Column:
    return factory.make_column(
        "amount",
        max(get_min_column_width("amount"), measure_column_width("≠ ₹1,200,000", CELL_PADDING_PX)),
        lambda record: case_words.format_amount_with_difference_mark(record, factory.context),
        "amount",
    )


def _make_state_column(factory: _RecordColumnFactory) -> Column:
    longest_words = (factory.find_longest_word(*_STATE_NAMES_BY_STATE_GROUP[group]) for group in factory.state_groups)
    return factory.make_badge_column("state", max(longest_words, key=len), case_words.get_state_badge_key)


def _make_certainty_column(factory: _RecordColumnFactory) -> Column:
    mismatch_states = ("old",) if factory.has_only_checks else ("sides_disagree", "may_be_reversed")
    longest_word = factory.find_longest_word("certainty", "known", "unknown", "unconfirmed", *mismatch_states)
    return factory.make_badge_column(
        "certainty", longest_word, lambda record: case_words.get_certainty_badge_key(record, factory.context.now())
    )


def _make_work_column(factory: _RecordColumnFactory) -> Column:
    """Return the column with the badge of the record's work: it says whether the record needs no next step, has a
    scheduled next step, or needs a step by a person."""
    longest_word = factory.find_longest_word("work", *(badge.value for badge in WorkBadge))
    return factory.make_badge_column(
        "work", longest_word, lambda record: case_words.get_work_badge_key(record, factory.context.now())
    )


def _make_cause_column(factory: _RecordColumnFactory) -> Column:
    """Return the column with the cause of the record's last failed call. If no call has failed, the column shows the
    reason why the record needs work."""
    width = get_min_column_width("cause") + (24 if factory.has_only_checks else 0)
    return factory.make_column(
        "cause", width, lambda record: case_words.format_record_problem(record, factory.context)
    )


def _make_reason_column(factory: _RecordColumnFactory) -> Column:
    """Return the column with the same title and text as the column `cause`, in the width for the list of Home."""
    width = 184 if factory.has_only_checks else 150
    return factory.make_column(
        "why",
        width,
        lambda record: case_words.format_record_problem(record, factory.context),
        title_key="column.cause",
    )


def _make_next_step_column(factory: _RecordColumnFactory) -> Column:
    context, get_record = factory.context, factory.get_record
    return columns.make_next_step_column(
        context, lambda item: case_words.format_next_attempt_time(get_record(item), context)
    )


def _make_day_column(factory: _RecordColumnFactory) -> Column:
    """Return the column with the time at which the record was created. In a table of credit checks only, the column
    shows the day on which the credit check was bought."""

    def format_day(record: ShownRecord) -> str:
        created_at = case_words.get_creation_time(record)
        if factory.has_only_checks:
            return wording.format_instant(created_at, "day")
        return wording.format_short_instant(created_at, factory.context.now()) if created_at else ""

    if factory.has_only_checks:
        return factory.make_column("day", 104, format_day, "data", title_key="column.bought_on")
    return factory.make_column("day", get_min_column_width("day"), format_day, "data", title_key="column.created")


def _make_maker_and_approvers_column(factory: _RecordColumnFactory) -> Column:
    """Return the column with the names of a refund's maker and approvers; for a record of another kind, the cell is
    empty."""

    def format_maker_and_approvers(record: ShownRecord) -> str:
        if not isinstance(record, Refund):
            return ""
        if record.maker == WORKER:
            return factory.context.translate("case.people_automatic", checkers=record.checkers)
        return factory.context.translate("case.people", maker=record.maker, checkers=record.checkers)

    return factory.make_column("people", 160, format_maker_and_approvers, is_stretched=True)


def _make_payer_column(factory: _RecordColumnFactory) -> Column:
    def format_payer(record: ShownRecord) -> str:
        return case_words.mask_payer(record.payer) if isinstance(record, Payment) else ""

    return factory.make_column("payer", 104, format_payer, "data", title_key="field.payer")


def _make_result_column(factory: _RecordColumnFactory) -> Column:
    """Return the column with the result of a credit check; for a record of another kind, the cell is empty."""

    def format_result(record: ShownRecord) -> str:
        return words.get_result_word(record, factory.context) if isinstance(record, CreditCheck) else ""

    return factory.make_column("result", 84, format_result)


def _make_document_column(factory: _RecordColumnFactory) -> Column:
    """Return the column which shows that the PDF of a credit check is stored; for a record of another kind, the cell
    is empty."""

    def format_document(record: ShownRecord) -> str:
        has_pdf = isinstance(record, CreditCheck) and record.pdf_file_path
        return factory.context.translate("column.document.pdf") if has_pdf else ""

    return factory.make_column("document", 64, format_document)


def _make_expiry_column(factory: _RecordColumnFactory) -> Column:
    """Return the column with the day until which a credit check is valid; for a record of another kind, the cell is
    empty."""

    def format_expiry(record: ShownRecord) -> str:
        valid_until = record.expired_at if isinstance(record, CreditCheck) else None
        return wording.format_instant(valid_until, "until") if valid_until else ""

    return factory.make_column("until", 104, format_expiry, "data", title_key="column.valid_until")


_COLUMN_FACTORY_BY_NAME: Mapping[str, Callable[[_RecordColumnFactory], Column]] = {
    "corporation": _make_corporation_column,
    "company": _make_company_column,
    "number": _make_corporation_number_column,
    "record": _make_record_id_column,
    "name": _make_name_column,
    "kind": _make_kind_column,
    "client": _make_client_column,
    "provider": _make_provider_column,
    "amount": _make_amount_column,
    "state": _make_state_column,
    "certainty": _make_certainty_column,
    "work": _make_work_column,
    "cause": _make_cause_column,
    "why": _make_reason_column,
    "next": _make_next_step_column,
    "day": _make_day_column,
    "people": _make_maker_and_approvers_column,
    "payer": _make_payer_column,
    "result": _make_result_column,
    "document": _make_document_column,
    "until": _make_expiry_column,
}
