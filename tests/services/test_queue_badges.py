"""Tests that the work badge of a record agrees with the queue's sort order, filter and count."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.domain.explained_state import WorkBadge
from console.domain.explanations.badges import NEXT_STEPS_WITHOUT_PERSON
from console.domain.explanations.records import explain_record
from console.domain.queues.filters import RecordFilter, get_record_kind
from console.domain.records import WorkState
from console.domain.views.any_record import QueueItem
from console.store.queues.queues import RECORD_QUEUE_NAMES
from tests.support.sample_desk import SampleDesk, open_sample_desk

WORK_STATE_BY_BADGE = {WorkBadge.NEEDS_REVIEW: WorkState.NEEDS_REVIEW, WorkBadge.SCHEDULED: WorkState.SCHEDULED}
"""Badges that name a stored work state: only records of this state may show them."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleDesk]:
    home: Path = tmp_path_factory.mktemp("badges") / "desk"
    with open_sample_desk(home, LANGUAGE="en") as made, made.console.acting_as("op-a"):
        yield made


@pytest.mark.parametrize("name", RECORD_QUEUE_NAMES)
def test_the_badge_agrees_with_the_next_step(desk: SampleDesk, name: str) -> None:
    """No record has a badge for a person beside a sentence about an automatic step, or the other way round."""
    now = desk.console._context.clock.now()
    items: tuple[QueueItem, ...] = desk.console.recovery.read_queue(name, 1_000, None, RecordFilter()).items
    explanations = [explain_record(item.record, now) for item in items]
    for_nobody = (WorkBadge.NONE, WorkBadge.SCHEDULED, WorkBadge.AUTOMATIC, WorkBadge.WAITING_FOR_SENDING)
    assert [
        one
        for one in explanations
        if one.work in (WorkBadge.POSSIBLE, *for_nobody)
        and (one.work in for_nobody) is not (one.next_step.code in NEXT_STEPS_WITHOUT_PERSON)
    ] == []


def read_badges(desk: SampleDesk, name: str, chosen: RecordFilter) -> list[tuple[str, int, WorkBadge, WorkState]]:
    """Return the kind, id, badge and work state of each filtered record of the queue `name`."""
    items: tuple[QueueItem, ...] = desk.console.recovery.read_queue(name, 1_000, None, chosen).items
    now = desk.console._context.clock.now()
    return [
        (get_record_kind(one.record), one.record.id, explain_record(one.record, now).work, one.record.work.state)
        for one in items
    ]


@pytest.mark.parametrize("name", RECORD_QUEUE_NAMES)
def test_the_badge_agrees_with_order_filter_and_count(desk: SampleDesk, name: str) -> None:
    """Records with the badge "needs a person" are next to each other in the sorted queue, and the filter for them
    returns exactly these records.
    """
    rows = read_badges(desk, name, RecordFilter())
    assert rows
    assert [row for row in rows if WORK_STATE_BY_BADGE.get(row[2], row[3]) != row[3]] == []
    for badge, state in WORK_STATE_BY_BADGE.items():
        filtered = read_badges(desk, name, RecordFilter(work_states=frozenset({state})))
        assert [row for row in rows if row[2] is badge] == [row for row in filtered if row[2] is badge]
        others = read_badges(desk, name, RecordFilter(work_states=frozenset(set(WorkState) - {state})))
        assert badge not in {row[2] for row in others}
