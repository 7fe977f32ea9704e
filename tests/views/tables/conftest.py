"""A long list that can change while a model reads it page by page, for the tests of tables."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from PySide6.QtTest import QAbstractItemModelTester

from console.views.runtime.page_fetch import FetchedPage
from console.views.tables.columns import AgeCell, Column, RowGroup, StateCell, make_check_box_column
from console.views.tables.paged_model import PagedModel
from tests.support.inline_runner import InlineRunner

PAGE_SIZE = 10  # the tester walks over all rows at every signal: small pages keep that quick


@dataclass(frozen=True, slots=True)
class VersionedRow:
    id: int
    version: int = 1


class RowStore:
    """A list of rows by id. A model reads it page by page with a cursor."""

    def __init__(self, count: int) -> None:
        self.rows = {number: VersionedRow(number) for number in range(count)}
        self.cursors: list[object | None] = []

    def fetch(self, cursor: object | None, limit: int) -> FetchedPage:
        self.cursors.append(cursor)
        after = cursor if isinstance(cursor, int) else -100
        ids = [number for number in sorted(self.rows) if number > after][: limit + 1]
        return FetchedPage([self.rows[i] for i in ids[:limit]], ids[limit - 1] if len(ids) > limit else None)


TABLE_COLUMNS = (
    make_check_box_column("Select", "Select, some rows selected"),
    Column("age", "Age", 76, lambda row: AgeCell(str(row.id % 60), "min"), "age"),
    Column("record", "Record", 104, lambda row: f"A-{row.id}", "data"),
    Column(
        "amount",
        "Amount",
        80,
        lambda row: "¥12,000" if row.id % 2 else "",
        "amount",
        make_spoken_text=lambda _: "12,000 yen",
    ),
    Column(
        "state",
        "State",
        104,
        lambda row: StateCell.from_badge_key("credit_check.success", "en", f"v{row.version}"),
        "state",
    ),
)


@dataclass
class ModelWithTester:
    """A list model with its store and its task runner. Qt's model tester checks the model as long as this object
    exists.
    """

    store: RowStore
    runner: InlineRunner
    model: PagedModel
    tester: QAbstractItemModelTester


@pytest.fixture
def make_model_with_tester(qapp: object) -> Iterator[Callable[..., ModelWithTester]]:
    made: list[ModelWithTester] = []

    def build_model(
        count: int,
        *,
        paused: bool = False,
        group_of: Callable[[VersionedRow], RowGroup] | None = None,
        reads_rows: bool = True,
    ) -> ModelWithTester:
        store, runner = RowStore(count), InlineRunner(paused=paused)
        model = PagedModel(TABLE_COLUMNS, lambda row: row.id, runner, get_group=group_of, rows_per_page=PAGE_SIZE)
        tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        made.append(ModelWithTester(store, runner, model, tester))
        if reads_rows:
            model.read_query(store.fetch)
        return made[-1]

    yield build_model
    made.clear()
