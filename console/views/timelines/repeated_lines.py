"""Groups of timeline lines: if a sequence of events occurs several times without a break, the timeline shows the
sequence once, with the number of times."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from console.views.timelines.timeline_line import TimelineLine

_MIN_REPETITIONS = 3
_MAX_EVENTS_PER_REPETITION = 6  # such as start, two answers with their outcomes, and end of a re-fetch

GroupKey = Hashable


class RepeatedEventTexts(NamedTuple):
    """The texts that are added to the lines of a group of repeated events, in the language of the window. Each field
    is a function that returns one text. `format_closed_group` is for a closed group, of which only the newest
    repetition is shown; it gets the number of repetitions and the time of the oldest event, as text.
    `format_opened_group` is for an opened group; it gets the number of repetitions."""

    format_closed_group: Callable[[int, str], str]
    format_opened_group: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class GroupedLine:
    """A line that the timeline shows. `group` is the key of the line's group; None for a line that belongs to no
    group."""

    line: TimelineLine
    group: GroupKey | None = None


def group_repeated_lines(
    lines: Sequence[TimelineLine], texts: RepeatedEventTexts, opened_groups: Collection[GroupKey]
) -> tuple[GroupedLine, ...]:
    """Return the lines to show. If a sequence of events occurs three times or more without a break, return only the
    lines of its newest occurrence, with the number of occurrences. If the group of the sequence is in
    `opened_groups`, return the lines of all occurrences. `lines` begin with the newest event."""
    grouped_lines: list[GroupedLine] = []
    start_index = 0
    while start_index < len(lines):
        events_per_repetition, repetition_count = _find_repeated_events(lines, start_index)
        if not events_per_repetition:
            grouped_lines.append(GroupedLine(lines[start_index]))
            start_index += 1
            continue
        end_index = start_index + events_per_repetition * repetition_count
        oldest_line = lines[end_index - 1]
        group_key = (
            oldest_line.full_time_text,
            *(_get_line_content(line) for line in lines[start_index : start_index + events_per_repetition]),
        )
        if group_key in opened_groups:
            newest_line = _add_line_detail(lines[start_index], texts.format_opened_group(repetition_count))
            grouped_lines += [
                GroupedLine(line, group_key) for line in (newest_line, *lines[start_index + 1 : end_index])
            ]
        else:
            grouped_lines += [
                GroupedLine(
                    _add_line_detail(line, texts.format_closed_group(repetition_count, oldest_line.time_text)),
                    group_key,
                )
                for line in lines[start_index : start_index + events_per_repetition]
            ]
        start_index = end_index
    return tuple(grouped_lines)


def _find_repeated_events(lines: Sequence[TimelineLine], start_index: int) -> tuple[int, int]:
    """Find the sequence of events that begins at the line `start_index` and repeats itself there. Return its length
    and the number of its repetitions, which is at least _MIN_REPETITIONS. Return (0, 0) if no sequence of at most
    _MAX_EVENTS_PER_REPETITION events repeats itself there."""
    for length in range(1, _MAX_EVENTS_PER_REPETITION + 1):
        repeated_events = [_get_line_content(line) for line in lines[start_index : start_index + length]]
        repetition_count = 1
        while [
            _get_line_content(line)
            for line in lines[start_index + repetition_count * length : start_index + (repetition_count + 1) * length]
        ] == repeated_events:
            repetition_count += 1
        if len(repeated_events) == length and repetition_count >= _MIN_REPETITIONS:
            return length, repetition_count
    return 0, 0


def _get_line_content(line: TimelineLine) -> tuple[str, ...]:
    """Return all values of a line except its time. Two lines with equal values count as repetitions of one event."""
    return line.icon_name, line.tone, line.actor_text, line.action_text, line.detail


def _add_line_detail(line: TimelineLine, detail: str) -> TimelineLine:
    return replace(line, detail=f"{line.detail} {detail}".strip())
