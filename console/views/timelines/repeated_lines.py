"""Groups of timeline lines: a sequence of events that repeats itself is shown once, with the number of times."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from console.views.timelines.timeline_line import TimelineLine

_MIN_REPETITIONS = 3
_MAX_EVENTS_PER_REPETITION = 3  # such as start, answer and outcome of a call

GroupKey = Hashable


class RepetitionTexts(NamedTuple):
    """Functions that return the text added to the lines of a group of repeated events, in the language of the window.
    `shown_once` is for a closed group (only the newest repetition is shown); it gets the number of repetitions and
    the time of the oldest event, as text. `shown_all` is for an opened group; it gets the number of repetitions.
    """

    shown_once: Callable[[int, str], str]
    shown_all: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class GroupedLine:
    """A line that the timeline shows. `group` is the key of its group, None for a line that stands alone."""

    line: TimelineLine
    group: GroupKey | None = None


def group_repeated_lines(
    lines: Sequence[TimelineLine], texts: RepetitionTexts, opened_groups: Collection[GroupKey]
) -> tuple[GroupedLine, ...]:
    """Return the lines to show. Of events that repeat themselves three times or more, the newest repetition stands
    for all, unless their group is in `opened_groups`: then all of them are returned. `lines` begin with the newest
    event.
    """
    grouped_lines: list[GroupedLine] = []
    start = 0
    while start < len(lines):
        length, count = _find_repetition(lines, start)
        if not length:
            grouped_lines.append(GroupedLine(lines[start]))
            start += 1
            continue
        end = start + length * count
        oldest_line = lines[end - 1]
        key = (oldest_line.full_time, *(_get_event(line) for line in lines[start : start + length]))
        if key in opened_groups:
            first = _add_detail(lines[start], texts.shown_all(count))
            grouped_lines += [GroupedLine(line, key) for line in (first, *lines[start + 1 : end])]
        else:
            grouped_lines += [
                GroupedLine(_add_detail(line, texts.shown_once(count, oldest_line.time_text)), key)
                for line in lines[start : start + length]
            ]
        start = end
    return tuple(grouped_lines)


def _find_repetition(lines: Sequence[TimelineLine], start: int) -> tuple[int, int]:
    """Return the number of events that repeat themselves from `start` on, and how often; (0, 0) if none do."""
    for length in range(1, _MAX_EVENTS_PER_REPETITION + 1):
        block = [_get_event(line) for line in lines[start : start + length]]
        count = 1
        while [_get_event(line) for line in lines[start + count * length : start + (count + 1) * length]] == block:
            count += 1
        if len(block) == length and count >= _MIN_REPETITIONS:
            return length, count
    return 0, 0


def _get_event(line: TimelineLine) -> tuple[str, ...]:
    """Return the content of a line without its time."""
    return line.shape, line.tone, line.actor_text, line.action_text, line.detail


def _add_detail(line: TimelineLine, detail: str) -> TimelineLine:
    return replace(line, detail=f"{line.detail} {detail}".strip())
