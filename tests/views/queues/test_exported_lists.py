"""Tests of the export of a queue: the file has the rows of the list on the screen."""

from collections.abc import Iterator
from dataclasses import fields

import pytest

from console.domain.calendar_days import JST
from console.domain.queues.filter_text import parse_filter
from console.domain.queues.filters import RecordFilter
from console.store.queues.queues import RECORD_QUEUE_NAMES
from console.views.queues.rows import QueueListQuery, get_row_record_ref, make_row_reader
from console.views.runtime.routes import RecordRef
from console.wiring.exports import make_export_table
from console.wording.records import get_record_kind
from console.wording.sentences.text_context import FileTextContext
from tests.support.sample_desk import SampleDesk, open_sample_desk

_FILTER_TEXTS = (
    "", "provider:paypay", "provider:atom", "provider:alarmbox,atom", "status:pending,unknown", "status:completed",
    "certainty:unknown", "certainty:old", "certainty:unknown,may_be_reversed", "certainty:known", "work:needs_review",
    "work:none,scheduled", "cause:read_timeout,lapsed", "cause:-", "amount:>3000", "amount:100..9000INR", "age:>20h",
    "age:<20h", "since:>=TODAY", "since:<=TODAY", "owner:op-a", "owner:-", "client:1", "kind:order",
    "kind:refund,credit-check",
    "provider:paypay kind:order amount:>100 owner:- certainty:unknown,known", "ORD", "r-", "ORD provider:paypay",
)  # fmt: skip
"""A filter of every kind, and searched words. TODAY stands for the present day in Japan."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleDesk]:
    """Yield a desk with the demo's records. The acting person has taken the first three records of each queue."""
    with open_sample_desk(tmp_path_factory.mktemp("home")) as made:
        for queue in RECORD_QUEUE_NAMES:
            for item in made.console.recovery.read_queue(queue, 3).items:
                made.console.recovery.take(get_record_kind(item.record), item.record.id)
        yield made


def _read_listed_refs(desk: SampleDesk, query: QueueListQuery) -> list[RecordRef]:
    """Return the records of the list on the screen, in all its pages."""
    read_rows, refs, cursor = make_row_reader(query), list[RecordRef](), None
    while True:
        page = read_rows(desk.console, cursor, 200)
        refs += [get_row_record_ref(row) for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return refs


def _read_exported_refs(desk: SampleDesk, query: QueueListQuery, filter_text: str) -> list[RecordRef]:
    context = FileTextContext("en", desk.console._context.now)
    table = make_export_table(desk.console, query.make_export_request(filter_text), "op-a", context)
    return [(get_record_kind(item.record), item.record.id) for page in table.read_pages() for item in page]


@pytest.mark.parametrize("filter_text", _FILTER_TEXTS)
def test_an_export_has_the_rows_of_its_list(desk: SampleDesk, filter_text: str) -> None:
    """With each filter, the export of each queue has exactly the records of the list on the screen."""
    filter_text = filter_text.replace("TODAY", f"{desk.console._context.now().astimezone(JST):%Y-%m-%d}")
    parsed = parse_filter(filter_text)
    assert not parsed.unusable_words
    listed_refs = []
    for queue in RECORD_QUEUE_NAMES:
        query = QueueListQuery(queue, parsed.words, parsed.record_filter)
        refs_of_queue = _read_listed_refs(desk, query)
        assert sorted(_read_exported_refs(desk, query, filter_text)) == sorted(refs_of_queue), queue
        listed_refs += refs_of_queue
    assert listed_refs, "the filter must select some record"


def test_every_kind_of_filter_is_exported() -> None:
    """The filters of this module together have every condition of a filter."""
    record_filters = [parse_filter(text).record_filter for text in _FILTER_TEXTS]
    used = {field.name for one in record_filters for field in fields(RecordFilter) if getattr(one, field.name)}
    assert used | {"since"} == {field.name for field in fields(RecordFilter)}  # the day is set in the test
