"""A table of rows that are here already: no pages, the same look and keys as every other table."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, Signal, Slot
from PySide6.QtWidgets import QStackedWidget

from console.views.look.theme import look
from console.views.pages.fitted_table import FittedTable
from console.views.seat import Seat
from console.views.tables.book import Page
from console.views.tables.columns import Column, Group
from console.views.tables.paging import PagedModel
from console.views.widgets.empty import EmptyState


class StaticTable(FittedTable):
    """Shows the rows it is given; rows that stay keep their place.

    Signals:
        caught_up: rows that waited for the pointer to leave are shown now.
    """

    caught_up = Signal()

    def __init__(
        self, seat: Seat, columns: Sequence[Column], key_of: Callable[[Any], Hashable], name: str, *,
        margin: int | None = None, spare: Sequence[str] = (), group_of: Callable[[Any], Group] | None = None,
    ) -> None:  # fmt: skip
        self._model = PagedModel(columns, key_of, seat.runner, group_of=group_of)
        super().__init__(self._model, name, margin=margin, spare=spare)
        self._model.setParent(self)
        self._held: Sequence[Any] = ()
        self._asked = False
        self._waiting: Sequence[Any] | None = None
        self._gone: set[Hashable] = set()

    def show_rows(self, rows: Sequence[Any], *, still: bool = False) -> None:
        """`still`: nobody asked for them. Then nothing moves that the pointer is on or has passed: rows are renewed
        in their places, those that have gone are marked, and the rest waits until the pointer leaves.
        """
        if still and self._would_move(rows):
            self._waiting = rows
            self._renew(rows)
            return
        self._waiting = None
        for key in self._gone:
            self.mark(key, None)
        self._gone.clear()
        self._held = rows
        if self._asked:
            self._model.re_read()
        else:
            self._asked = True
            self._model.read(lambda _cursor, _limit: Page(self._held))

    def _would_move(self, rows: Sequence[Any]) -> bool:
        """Whether what stands down to the pointer would not stand there any more."""
        if self.hover_row < 0:
            return False
        passed = sum(self.rows.row_at(place) is not None for place in range(self.hover_row + 1))
        many = passed + (self.rows.row_at(self.hover_row) is None)  # a heading goes with the row below it
        key_of = self.rows.key_of
        return [key_of(row) for row in self._held[:many]] != [key_of(row) for row in rows[:many]]

    def _renew(self, rows: Sequence[Any]) -> None:
        key_of = self.rows.key_of
        here = {key_of(row): row for row in rows}
        for shown in self._held:
            key = key_of(shown)
            if key not in here:
                self._gone.add(key)
            elif here[key] != shown:
                self.rows.replace(here[key])
            self.mark(key, None if key in here else "care")
        self._held = [here.get(key_of(row), row) for row in self._held]

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self._waiting is not None:
            self.show_rows(self._waiting)
            self.caught_up.emit()

    @property
    def held(self) -> Sequence[Any]:
        return self._held

    def height_for(self, rows: int) -> int:
        """What so many rows and the header need, in px."""
        return look().row("header") + rows * look().row() + 2


class TableOrNothing(QStackedWidget):
    """A table, or why it is empty."""

    def __init__(self, table: StaticTable, nothing: EmptyState) -> None:
        super().__init__()
        self.table, self.nothing = table, nothing
        self.addWidget(table)
        self.addWidget(nothing)
        self.setFocusProxy(table)
        table.caught_up.connect(self._choose)

    def show_rows(self, rows: Sequence[Any], *, still: bool = False) -> None:
        """See the table's own."""
        self.table.show_rows(rows, still=still)
        self._choose()

    @Slot()
    def _choose(self) -> None:
        self.setCurrentWidget(self.table if self.table.held else self.nothing)
