"""A table of rows that are here already: no pages, the same look and keys as every other table."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from console.views.seat import Seat
from console.views.tables.book import Page
from console.views.tables.columns import Column
from console.views.tables.page import RecordTable
from console.views.tables.paging import PagedModel


class StaticTable(RecordTable):
    """Shows the rows it is given; rows that stay keep their place."""

    def __init__(
        self, seat: Seat, columns: Sequence[Column], key_of: Callable[[Any], Hashable], name: str, *,
        margin: int | None = None,
    ) -> None:  # fmt: skip
        self._model = PagedModel(columns, key_of, seat.runner)
        super().__init__(self._model, name, margin=margin)
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
