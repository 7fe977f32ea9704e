"""Tests of the timeline of a record, which merges the events of several tables into one order, even if the clocks
that wrote them differ."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.evidence.timeline import (
    EARLIEST_INSTANT,
    TimelineEvent,
    TimelineEventKind,
    TimelinePage,
    get_event_kind,
    mask_text,
    merge_event_streams,
)

NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def make_event(
    source: str, row: int | str, seconds: float = 0, step: TimelineEventKind = TimelineEventKind.CHANGE
) -> TimelineEvent:
    return TimelineEvent(NOON + timedelta(seconds=seconds), step, "op-a", "x", "payment", "1", source, str(row))


def merge_rows(*streams: Iterable[TimelineEvent]) -> list[tuple[str, str]]:
    """Merge the streams of events, and return (source, row) of each event in the merged order."""
    return [(one.source, one.row) for _, one in merge_event_streams((stream, EARLIEST_INSTANT) for stream in streams)]


def test_sources_are_merged_by_time() -> None:
    """The timeline sorts the events of all tables by their time."""
    rows = merge_rows(
        [make_event("a", 1, 0), make_event("a", 2, 20)], [make_event("b", 1, 10), make_event("b", 2, 30)]
    )
    assert rows == [("a", "1"), ("b", "1"), ("a", "2"), ("b", "2")]


def test_causes_come_before_effects_of_the_same_instant() -> None:
    """Events of the same moment are sorted by their kind: begun, answered, noticed, decided, changed, ended. The
    order of the tables has no influence.
    """
    steps = [
        TimelineEventKind.ENDED,
        TimelineEventKind.CHANGE,
        TimelineEventKind.DECISION,
        TimelineEventKind.NOTICE,
        TimelineEventKind.ANSWER,
        TimelineEventKind.BEGUN,
    ]
    kinds = [
        one.event_kind
        for _, one in merge_event_streams(([make_event(step, 1, 0, step)], EARLIEST_INSTANT) for step in steps)
    ]
    assert kinds == steps[::-1]


def test_rows_of_one_instant_are_sorted_by_id() -> None:
    """Rows of one moment and kind are sorted by their ids as numbers: 9 comes before 10."""
    assert merge_rows([make_event("b", 9), make_event("b", 10)], [make_event("a", 100)]) == [
        ("a", "100"),
        ("b", "9"),
        ("b", "10"),
    ]


def test_rows_of_a_table_keep_their_order_if_a_clock_is_set_back() -> None:
    """The rows of one table keep the order in which they were written, although a clock was set back by a day between
    them. Rows of other tables are still sorted in by time.
    """
    rows = merge_rows(
        [make_event("a", 1, 0), make_event("a", 2, -86_400), make_event("a", 3, 60)], [make_event("b", 1, 30)]
    )
    assert rows == [("a", "1"), ("a", "2"), ("b", "1"), ("a", "3")]


@given(st.lists(st.lists(st.integers(-100, 100), max_size=8), max_size=4))
def test_the_timeline_has_every_event_once_in_the_order_of_its_source(clocks: list[list[int]]) -> None:
    """For any clocks, the timeline contains each event once, and the rows of each table in the order in which they
    were written."""
    streams = [[make_event(f"s{n}", row, at) for row, at in enumerate(clock)] for n, clock in enumerate(clocks)]
    rows = merge_rows(*streams)
    assert sorted(rows) == sorted((one.source, one.row) for stream in streams for one in stream)
    for number, stream in enumerate(streams):
        assert [row for source, row in rows if source == f"s{number}"] == [one.row for one in stream]


@given(st.lists(st.lists(st.integers(-50, 50), max_size=8), min_size=1, max_size=4), st.integers(0, 12))
def test_a_timeline_read_in_two_parts_is_complete(clocks: list[list[int]], cut: int) -> None:
    """A timeline that is read in two parts has the same events in the same order as a timeline that is read in one
    part.
    """
    streams = [[make_event(f"s{n}", row, at) for row, at in enumerate(clock)] for n, clock in enumerate(clocks)]
    whole = list(merge_event_streams((stream, EARLIEST_INSTANT) for stream in streams))
    read = [one for _, one in whole[:cut]]
    rest = [[one for one in stream if one not in read] for stream in streams]
    reached = [max([EARLIEST_INSTANT, *(one.at for one in read if one in stream)]) for stream in streams]
    assert list(merge_event_streams(zip(rest, reached, strict=True))) == whole[cut:]


def test_the_timeline_reads_no_more_rows_than_requested() -> None:
    """The timeline reads only as many rows of a long table as its caller takes from the iterator."""
    taken = 0

    def iterate_endless_events() -> Iterator[TimelineEvent]:
        nonlocal taken
        while True:
            taken += 1
            yield make_event("a", taken, taken)

    assert len(list(islice(merge_event_streams([(iterate_endless_events(), EARLIEST_INSTANT)]), 10))) == 10
    assert taken <= 11


@pytest.mark.parametrize(
    ("action", "step"),
    [
        ("refund.approved", TimelineEventKind.DECISION),
        ("payment.resolve_proposed", TimelineEventKind.DECISION),
        ("payment.booked", TimelineEventKind.CHANGE),
        ("payment.noticed", TimelineEventKind.NOTICE),
        ("order.saga_step", TimelineEventKind.SAGA),
        ("credit-check.bought", TimelineEventKind.CHANGE),
    ],
)
def test_each_audit_action_has_its_kind_of_event(action: str, step: TimelineEventKind) -> None:
    """Each action of the audit trail has the right kind of event. A person's decision has another kind than the
    change of the record that follows from it."""
    assert get_event_kind(action) is step


def test_hidden_words_are_masked_everywhere() -> None:
    """A hidden word is masked wherever it occurs in a text: of a long word the last four characters are shown, of a
    short one none. Longer words are masked before shorter ones.
    """
    assert mask_text("U-1234567 and U-12 and U-1234567", ("U-12", "U-1234567")) == "****4567 and **** and ****4567"
    assert mask_text("a b c", ("a",)) == "a b c", "a single letter names nobody"


@pytest.mark.parametrize(
    ("word", "shown"),
    [("abc", "abc"), ("abcd", "****"), ("abcdefg", "****"), ("abcdefgh", "****efgh"), ("abcdefghi", "****fghi")],
)
def test_a_hidden_word_shows_at_most_its_last_four_characters(word: str, shown: str) -> None:
    """A hidden word of eight characters or more shows its last four characters. A word of fewer than four characters
    isn't hidden.
    """
    assert mask_text(f"- {word} -", (word,)) == f"- {shown} -"


def test_hidden_texts_are_absent_from_the_repr_of_a_timeline_page() -> None:
    """The text form (`repr`) of a TimelinePage doesn't contain its `hidden_texts`, such as the names of payers, so
    that no log shows them.
    """
    assert "secret name" not in repr(TimelinePage("payment", "5", (), hidden_texts=("secret name",)))
