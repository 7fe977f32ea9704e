"""The publications of the simulated publisher: a whole registry, and the differences after it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from threading import Lock

from console.sandbox.registry.changes import invent_changes
from console.sandbox.registry.invented_registry import InventedRegistry
from console.sandbox.registry.rows import RegistryRow

FIRST_WHOLE_FILE_DAY = date(2026, 10, 30)
FIRST_WHOLE_FILE_ROW_COUNT = 1_000


@dataclass(slots=True)
class _WholeAndDifferences:
    """A published whole registry: the rows `first_rows`, then the invented rows of `whole`; and the rows of each
    difference that was published after it, by day."""

    whole: InventedRegistry
    first_rows: tuple[RegistryRow, ...] = ()
    changed_rows_by_day: dict[date, list[RegistryRow]] = field(default_factory=dict)

    @property
    def last_day(self) -> date:
        return max(self.changed_rows_by_day, default=self.whole.day)


class PublishedRegistry:
    """The corporation registry that one sandbox has published: a whole registry, and the differences after it. At the
    start of the sandbox these are FIRST_WHOLE_FILE_ROW_COUNT invented corporations and no difference."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        """Publish again the registry with which the sandbox started, without differences."""
        self._current_registry = _WholeAndDifferences(
            InventedRegistry(FIRST_WHOLE_FILE_ROW_COUNT, 1, FIRST_WHOLE_FILE_DAY)
        )

    @property
    def last_day(self) -> date:
        """The day of the newest publication: of the last difference, or of the whole registry if no difference is
        published."""
        return self._current_registry.last_day

    def publish_whole(self, row_count: int, seed: int, day: date, first_rows: Iterable[RegistryRow] = ()) -> None:
        """Publish another whole registry: the rows `first_rows`, then `row_count` invented corporations, which are
        the same for the same arguments. The differences of the earlier registry are removed."""
        self._current_registry = _WholeAndDifferences(InventedRegistry(row_count, seed, day), tuple(first_rows))

    def publish_difference(self, day: date, row_count: int, changes: Sequence[RegistryRow] = ()) -> int:
        """Publish the corporations that changed on `day`: `row_count` invented rows, and the rows `changes`. Return
        the number of rows.

        Raises ValueError unless `day` is after all days that are published.
        """
        with self._lock:
            current = self._current_registry
            if day <= current.last_day:
                raise ValueError(f"{day} is not after {current.last_day}")
            untouched_numbers = frozenset(row.corporate_number for row in changes)
            difference_rows = [*invent_changes(current.whole, row_count, day, untouched_numbers), *changes]
            current.changed_rows_by_day[day] = difference_rows
            return len(difference_rows)

    def iterate_rows_between(self, first_day: date, last_day: date) -> Iterator[RegistryRow]:
        """Yield the rows of the registry's daily difference files from `first_day` to `last_day`, both included, the
        oldest day first.
        """
        days = self._current_registry.changed_rows_by_day
        for day in sorted(days):
            if first_day <= day <= last_day:
                yield from days[day]

    def list_rows_of_number(self, number: str) -> list[RegistryRow]:
        """Return the rows about a corporation number, the oldest first; the last row is the valid one."""
        current = self._current_registry
        position = current.whole.find_position(number)
        rows = [] if position is None else [current.whole.make_row_at(position)]
        rows += [row for row in current.first_rows if row.corporate_number == number]
        rows += [
            row
            for day in sorted(current.changed_rows_by_day)
            for row in current.changed_rows_by_day[day]
            if row.corporate_number == number
        ]
        return rows

    def iterate_newest_rows(self) -> Iterator[RegistryRow]:
        """Yield the newest row of each corporation, also of a deleted one (with the process code 99)."""
        current = self._current_registry
        changed_rows = {
            row.corporate_number: row
            for day in sorted(current.changed_rows_by_day)
            for row in current.changed_rows_by_day[day]
        }
        for row in chain(current.first_rows, current.whole.iterate_rows()):
            yield changed_rows.pop(row.corporate_number, row)
        yield from changed_rows.values()
