"""A table of rows that are here already: no pages, the same look and keys as every other table."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from PySide6.QtWidgets import QStackedWidget

from console.views.look.theme import look
from console.views.pages.fitted_table import FittedTable
from console.views.seat import Seat
from console.views.tables.book import Page
from console.views.tables.columns import Column, Group
from console.views.tables.paging import PagedModel
from console.views.widgets.empty import EmptyState


class StaticTable(FittedTable):
    """Shows the rows it is given; rows that stay keep their place."""

    def __init__(
        self, seat: Seat, columns: Sequence[Column], key_of: Callable[[Any], Hashable], name: str, *,
        margin: int | None = None, spare: Sequence[str] = (), group_of: Callable[[Any], Group] | None = None,
    ) -> None:  # fmt: skip
        self._model = PagedModel(columns, key_of, seat.runner, group_of=group_of)
        super().__init__(self._model, name, margin=margin, spare=spare)
        self._model.setParent(self)
        self._held: Sequence[Any] = ()
        self._asked = False

    def show_rows(self, rows: Sequence[Any]) -> None:
        self._held = rows
        if self._asked:
            self._model.re_read()
        else:
            self._asked = True
            self._model.read(lambda _cursor, _limit: Page(self._held))

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

    def show_rows(self, rows: Sequence[Any]) -> None:
        self.table.show_rows(rows)
        self.setCurrentWidget(self.table if rows else self.nothing)
