"""Tests of the rows of a queue: they are grouped with counts, and a text filters them without an endless read of the
queue.
"""

from dataclasses import replace
from itertools import groupby, product

import pytest
from pytestqt.qtbot import QtBot

from console.domain.explained_state import WorkBadge
from console.domain.explanations.payments import explain_payment
from console.domain.payments.records import RefundRelations
from console.domain.queues.causes import CauseGroup
from console.domain.queues.filter_text import parse_filter
from console.domain.queues.filters import NO_FILTER
from console.domain.queues.mismatches import Mismatch
from console.domain.records import Certainty, Work, WorkState
from console.domain.views.any_record import QueueItem
from console.views.pages.fitted_table import FittedTable
from console.views.queues.cause_groups import CauseRow, GroupTable, make_grouped_table_columns
from console.views.queues.column_choice import arrange_columns
from console.views.queues.rows import (
    QueueListQuery,
    QueueRow,
    get_row_record_ref,
    list_hideable_column_keys,
    make_queue_columns,
    make_row_reader,
    make_word_matcher,
    make_work_heading_function,
)
from console.views.runtime.page_fetch import FetchedPage
from console.views.runtime.routes import RECORD_QUEUE_NAMES
from console.views.tables.columns import Column
from console.views.tables.paged_model import PagedModel
from console.wording.sentences import catalogue as wording
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, QueueServices, make_check, make_queue_item, make_window_context
from tests.views.invented_payments import make_payment, make_refund

REVIEW_WORK, SCHEDULED_WORK = Work(WorkState.NEEDS_REVIEW), Work(WorkState.SCHEDULED)


def test_groups_count_their_rows_once_the_whole_queue_is_here() -> None:
    """The heading of a group shows the number of its rows if the whole queue has been read. If more rows are still
    unread, it shows no number.
    """
    services = QueueServices(
        [make_check(1, work=REVIEW_WORK), make_check(2, work=REVIEW_WORK), make_check(3, work=SCHEDULED_WORK)]
    )
    page = make_row_reader(QueueListQuery("unknown"))(services, None, 200)  # type: ignore[arg-type]  # queues are all it takes
    group = make_work_heading_function(make_window_context())
    assert [(group(row).word, group(row).count_text) for row in page.rows] == [
        ("Needs a person", "2"),
        ("Needs a person", "2"),
        ("Action possible", "1"),
    ]
    part = make_row_reader(QueueListQuery("unknown"))(services, None, 2)  # type: ignore[arg-type]  # likewise
    assert [group(row).count_text for row in part.rows] == ["", ""]
    assert part.next_cursor == "2"


def test_each_row_stands_below_the_heading_of_its_badge() -> None:
    """A record stands in the group of its own badge of work, whatever work state is stored: the stored state only
    sorts the rows that the database returns."""
    services = QueueServices([])
    items = [
        replace(item, record=record, explanation=replace(item.explanation, work=badge))
        for id, (state, badge) in enumerate(product(WorkState, WorkBadge), 1)
        for record in (make_check(id, work=Work(state)),)
        for item in (make_queue_item(record),)
    ]
    services._items = items
    page = make_row_reader(QueueListQuery("unknown"))(services, None, 200)  # type: ignore[arg-type]  # queues are all it takes
    context = make_window_context()
    group = make_work_heading_function(context)
    headings = [(group(row).word, group(row).count_text) for row in page.rows]
    badges = [wording.get_badge_word(f"work.{row.item.explanation.work}", "en") for row in page.rows]
    assert headings == [(badge, str(len(WorkState))) for badge in badges]
    assert len(list(groupby(headings))) == len(WorkBadge)
    assert badges[0] == "Needs a person"


@pytest.mark.parametrize(
    "text",
    ["みなと", "架空みなと", "２０１０", "2 0104 0190", "17", "2ー0104ー0190", "2‐0104−0190", "T2010401907731"],
)
def test_a_text_finds_names_numbers_and_records(text: str) -> None:
    """A text filter finds a row by a part of the company's name, by the corporation number and by the record's id, in
    full-width and half-width forms, with or without spaces and dashes. An invoice registration number has a T before
    the corporation number.
    """
    services = QueueServices(
        [make_check(17), make_check(18, company_name="仮想さくら建設", corporation_number="7000012050002")]
    )
    page = make_row_reader(QueueListQuery("review", text))(services, None, 200)  # type: ignore[arg-type]  # queues are all it takes
    assert [row.item.record.id for row in page.rows] == [17]


@pytest.mark.parametrize("typed", ["Aー10442", "Ａ－１０４４２", "a‐10442"])
def test_any_dash_of_a_payment_number_finds_the_payment(typed: str) -> None:
    """Every character that a keyboard gives for a hyphen finds the hyphen of a number."""
    payment, has_words = make_payment(), make_word_matcher(typed)
    assert has_words is not None
    assert has_words(QueueItem(payment, explain_payment(payment, NOW), payment.state_since))


def test_a_filter_over_a_long_queue_reads_on_in_bounded_steps() -> None:
    """A text filter over a long queue reads a few thousand records in one call, and returns a cursor for the rest."""
    services = QueueServices(
        [make_check(id, company_name="架空商事") for id in range(1, 7_001)] + [make_check(9_000)]
    )
    read = make_row_reader(QueueListQuery("review", "みなと"))
    first = read(services, None, 200)  # type: ignore[arg-type]  # queues are all it takes
    assert (len(first.rows), services.reads, first.next_cursor) == (0, 5, "5000")
    rest = read(services, first.next_cursor, 200)  # type: ignore[arg-type]  # likewise
    assert [row.item.record.id for row in rest.rows] == [9_000]
    assert rest.next_cursor is None


@pytest.mark.parametrize(("queue", "grouped"), [("unknown", True), ("incomplete", False)])
def test_a_list_grouped_by_work_has_no_work_column(queue: str, grouped: bool, appearance: object) -> None:
    """A queue that is grouped by work leaves out the column "work", because the group row shows it. The columns of
    state and certainty remain.
    """
    keys = [column.key for column in make_queue_columns(make_window_context(), queue)]
    assert ("work" not in keys) is grouped
    assert {"state", "certainty"} <= set(keys)


def test_the_row_of_a_refund_has_its_payments_corporation(appearance: object) -> None:
    """The row of a refund shows the corporation number of the refunded payment, and the kind of the record in its
    name.
    """
    paid = replace(make_payment(), corporation_number="2010401907731")
    record = replace(make_refund(), relations=RefundRelations(paid))
    row = QueueRow(replace(make_queue_item(make_check()), record=record))
    cells = {column.key: column.make_cell(row) for column in make_queue_columns(make_window_context(), "unknown")}
    assert (cells["company"], cells["name"]) == ("2 0104 0190 7731", f"Refund R-{row.item.record.id}")


@pytest.mark.parametrize("queue", RECORD_QUEUE_NAMES)
def test_no_default_column_repeats_another(queue: str, appearance: object) -> None:
    """No default column of a queue repeats another one. The company's column has the number if the name is unknown,
    and the record's column has the kind. A queue that is defined by the certainty has no column for it, and a queue
    of records that need a person has none for the work state and the next automatic attempt."""
    columns = make_queue_columns(make_window_context(), queue)
    shown = {column.key for column in arrange_columns(columns, ())}
    assert "name" in shown, "each queue names its records"
    assert not shown & {"number", "kind"}
    assert ("certainty" in shown) is (queue not in ("unknown", "disagree"))
    assert ("next" in shown) is (queue not in ("review", "disagree"))
    assert ("work" in shown) is (queue not in ("review", "unknown"))
    chosen = {"check", *(column.key for column in columns)} & {"check", "number", "age"}
    assert {column.key for column in arrange_columns(columns, ("number", "age"))} == chosen


def test_a_mismatch_of_unknown_outcome_is_shown_as_unknown(appearance: object) -> None:
    """In the queue of mismatches, the column of the mismatch says "Unknown" for a payment with an unknown outcome."""
    row = QueueRow(replace(make_queue_item(make_check()), record=make_payment(), mismatch=Mismatch()))
    difference = next(one for one in make_queue_columns(make_window_context(), "disagree") if one.key == "cause")
    assert difference.make_cell(row) == ""
    unknown = replace(make_payment(), certainty=Certainty.UNKNOWN)
    assert difference.make_cell(replace(row, item=replace(row.item, record=unknown))) == "Unknown"


def test_a_narrow_window_shows_the_sentence_of_a_mismatch(qtbot: QtBot, appearance: object) -> None:
    """In a window of 1,280 px, the queue of mismatches hides other columns in favour of its sentence."""
    mismatch = Mismatch(rule="contradicted", observed="order Unpaid, payment", expected="order Paid")
    row = QueueRow(replace(make_queue_item(make_check()), record=make_payment(), mismatch=mismatch))
    context = make_window_context()
    columns = arrange_columns(make_queue_columns(context, "disagree"), ())
    table = FittedTable(
        PagedModel(columns, get_row_record_ref, InlineRunner()),
        "Mismatches",
        hideable_columns=list_hideable_column_keys("disagree"),
    )
    qtbot.addWidget(table)
    table.rows.read_query(lambda _cursor, _limit: FetchedPage([row], None))
    table.resize(1078, 400)
    table.show()
    assert not table.is_cell_cut("cause", row)
    assert table.is_cell_cut("provider", row)


def test_an_export_has_the_filter_of_its_list() -> None:
    """An export gets the conditions and words of the filter of the shown list. The export of a whole queue has no
    filter.
    """
    items = QueueServices([replace(make_check(17), company_name="東京"), make_check(18)]).read_queue("review").items
    parsed = parse_filter("client:7 みなと")
    request = QueueListQuery("review", parsed.words, parsed.record_filter).make_export_request("client:7 みなと")
    assert request.record_filter == parsed.record_filter
    assert request.has_words is not None
    assert [item.record.id for item in items if request.has_words(item)] == [18]
    whole = QueueListQuery("review").make_export_request("")
    assert (whole.record_filter, whole.has_words) == (NO_FILTER, None)


@pytest.mark.parametrize("typed", ["みなと　　商会 東京", "みなと 商会　東京", "みなと 商会"])
def test_spaces_of_a_name_hide_no_row(typed: str) -> None:
    """A typed name finds its row, however many spaces the stored name has, and of which width they are."""
    items = QueueServices([replace(make_check(17), company_name="みなと　　商会 東京")]).read_queue("review").items
    has_words = make_word_matcher(parse_filter(typed).words)
    assert has_words is not None
    assert has_words(items[0])


@pytest.mark.parametrize(
    ("sums", "shown_sums"),
    [
        ({"payment": {"JPY": 9_900}}, "payments ¥9,900"),
        ({"refund": {"JPY": 500}}, "refunds −¥500"),
        ({"payment": {"JPY": 9_900}, "refund": {"JPY": 500}}, "payments ¥9,900 · refunds −¥500"),
        (
            {"payment": {"JPY": 9_900, "INR": 25_100}, "order": {"JPY": 9_900}},
            "orders ¥9,900 · payments ₹251.00, ¥9,900",
        ),
        ({}, ""),
    ],
)
def test_amounts_of_several_kinds_are_not_added(
    appearance: object, sums: dict[str, dict[str, int]], shown_sums: str
) -> None:
    """The heading of a group has separate sums for payments and for refunds. The spoken text of the heading contains
    both sums.
    """
    row = CauseRow(CauseGroup("timeout", 3, sums))
    columns = make_grouped_table_columns(make_window_context(), make_queue_columns(make_window_context(), "unknown"))
    (heading,) = {column.format_text(row) for column in columns if column.key not in ("check", "age")}
    assert heading.partition(" · ")[::2] == ("▸ Timed out: 3 records", shown_sums)
    (spoken,) = filter(None, (column.make_spoken_text(row) for column in columns if column.make_spoken_text))
    assert shown_sums in spoken


def test_a_group_heading_takes_the_row_from_the_first_column_of_texts(qtbot: QtBot, appearance: object) -> None:
    """The text of a group's heading begins in the first column of texts. The next columns leave it their room."""
    group = CauseRow(CauseGroup("timeout", 3, {"payment": {"JPY": 9_900}}))
    context = make_window_context()
    columns = make_grouped_table_columns(context, make_queue_columns(context, "unknown"))
    table = GroupTable(PagedModel(columns, lambda row: row.key, InlineRunner()), "Groups")
    qtbot.addWidget(table)
    table.rows.read_query(lambda _cursor, _limit: FetchedPage([group], None))
    table.resize(900, 200)
    table.show()
    assert not table.is_heading_cut(group)
    picture, row = table.viewport().grab().toImage(), table.rowViewportPosition(0)
    company_x = table.get_column_x(2)
    background = picture.pixelColor(picture.width() - 2, row + 16)
    painted = [
        x
        for x in range(company_x, picture.width())
        if any(picture.pixelColor(x, row + y) != background for y in range(8, 24))
    ]
    assert painted[0] < company_x + 24
    assert painted[-1] > table.get_column_x(3) + 24
    table.resize(200, 200)
    assert table.is_heading_cut(group)


def test_a_group_heading_fills_no_empty_column(qtbot: QtBot, appearance: object) -> None:
    """A column without any text in the rows of the records is hidden before their texts are cut off, although the
    heading of their group is drawn across it."""
    columns = [
        Column("owner", "Taken by", 80, lambda _: ""),
        Column("cause", "Cause", 200, lambda _: "sentence " * 90),
    ]
    model = PagedModel(make_grouped_table_columns(make_window_context(), columns), str, InlineRunner())
    table = GroupTable(model, "Groups", hideable_columns=("owner",))
    qtbot.addWidget(table)
    table.resize(560, 200)
    table.show()
    model.read_query(lambda _cursor, _limit: FetchedPage([CauseRow(CauseGroup("timeout", 1, {})), "record"], None))
    qtbot.waitUntil(lambda: table.isColumnHidden(0))
