"""In every table the most important columns are visible: the columns that identify the record, its amount, and the
reason why it waits.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from console.views.pages.fitted_table import FittedTable
from console.views.tables.columns import format_cell_as_plain_text
from tests.legible.tour import SCENES, LegibleStage
from tests.shots.stage import WindowLook
from tests.support.sample_desk import open_sample_desk

pytestmark = pytest.mark.qt_log_ignore("does not support", extend=True)

USUAL_SIZES = ((1280, 800), (1440, 900))
WIDE_SIZE = (1920, 1080)
MAX_WIDTH_RATIO = 2.0
IDENTITY_COLUMNS = {"company", "corporation", "name", "record", "payment", "about", "lease", "task", "check", "days"}
AMOUNT_COLUMNS = {"amount", "paid", "aside", "sum", "difference"}
CAUSE_COLUMNS = {"cause", "why", "error", "reason"}
MIN_SENTENCE_PX = 90
WHOLE_SENTENCES = {"Needs a person (oldest first)", "要対応（古い順）"}  # that must show every reason whole
SCENES_WITH_TABLES = (
    ("home", "queues", "company", "audit"),
    ("admin", "record_tabs", "unfinished", "alerts"),
    ("payment_tabs", "orders", "money_lists", "unmatched_notices"),
)
MIN_TABLE_COUNT = 6
"""Smallest number of tables with rows that each part of the scenes must show; a table without rows tests nothing."""


class ColumnStage(LegibleStage):
    """A stage that checks the visible tables instead of taking pictures, in windows of each size in `sizes`. `tables`
    has the names of the checked tables with rows.
    """

    tables: set[str]
    sizes: tuple[tuple[int, int], ...] = USUAL_SIZES
    find_faults_of_table: Callable[[FittedTable], Iterator[str]]

    def take_picture(self, name: str) -> Path:
        """Check the visible tables instead of taking a picture. Return an empty path, because there is no file."""
        for size in self.sizes:
            self.window.resize(*size)
            self.wait_until_idle()
            for window in QApplication.topLevelWidgets():
                for table in window.findChildren(FittedTable) if window.isVisible() else ():
                    if table.isVisible() and table.rows.row_count:
                        self.tables.add(table.accessibleName())
                        self.display_problems += (
                            f"{size} {name}: {fault}" for fault in self.find_faults_of_table(table)
                        )
        return Path()


def find_column_faults(table: FittedTable) -> Iterator[str]:
    """Yield a line for each column that must be readable but isn't, and for each row without a visible identifier."""
    right, columns = table.viewport().width(), list(enumerate(table.rows.columns))
    for place, column in columns:
        if column.key in IDENTITY_COLUMNS | AMOUNT_COLUMNS | CAUSE_COLUMNS:
            x, width, needed = (
                table.columnViewportPosition(place),
                table.columnWidth(place),
                measure_content_width(table, place),
            )
            is_whole = column.key in CAUSE_COLUMNS and table.accessibleName() in WHOLE_SENTENCES
            may_be_elided = column.kind in ("text", "state") and not is_whole
            least = min(needed, MIN_SENTENCE_PX) if may_be_elided else needed
            if table.isColumnHidden(place) or x < 0 or x + width > right or width < least:
                yield f"{table.accessibleName()}: {column.key} has {width} px at {x} of {right}, needs {least}"
    naming = [
        column for place, column in columns if column.key in IDENTITY_COLUMNS and not table.isColumnHidden(place)
    ]
    for row in table.rows.iterate_loaded_rows():
        if naming and not any(format_cell_as_plain_text(column.make_cell(row)) for column in naming):
            yield f"{table.accessibleName()}: nothing names {row!r:.80}"


def measure_content_width(table: FittedTable, column_index: int) -> int:
    """Return the width (px) at which the column would show all loaded cells completely."""
    column, delegate = table.rows.columns[column_index], table.delegates[column_index]
    widest = max(delegate.measure_cell_width(column.make_cell(row)) for row in table.rows.iterate_loaded_rows())
    return int(widest) + sum(delegate.get_paddings(column_index))


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("names", SCENES_WITH_TABLES, ids=lambda names: names[0])
def test_every_table_shows_identifier_amount_and_cause(
    qapp: QApplication, tmp_path: Path, names: tuple[str, ...], language: str
) -> None:
    """In a window of a usual size at 100 %, every table shows identifier, amount and cause completely: not hidden,
    not cut off, and not beyond the edge. In columns of texts (also names) and states, a cell may end with "…" if the
    column has 90 px or more; a number or an amount may not. The lists in WHOLE_SENTENCES must show every cause
    completely.
    """
    _check_tables_of_scenes(tmp_path, language, names, find_column_faults, USUAL_SIZES)


def find_unused_room(table: FittedTable) -> Iterator[str]:
    """Yield a line for each fault in the use of a table's width: columns that end before its right edge, a column of
    amounts or ages that is wider than needed, another column that is more than twice as wide as needed. The widths of
    the first and the last column aren't checked.
    """
    shown = [(place, column) for place, column in enumerate(table.rows.columns) if not table.isColumnHidden(place)]
    last = shown[-1][0]
    end, width = table.columnViewportPosition(last) + table.columnWidth(last), table.viewport().width()
    if end < width:
        yield f"{table.accessibleName()}: {width - end} px of {width} are unused"
    for place, column in shown[1:-1]:  # the first column has the margin of the page, too
        needed = max(table.get_column_width(place), measure_content_width(table, place) + 2)  # two are rounded up
        most = needed if column.is_right_aligned or column.kind == "check" else MAX_WIDTH_RATIO * needed
        if table.columnWidth(place) > most:
            yield f"{table.accessibleName()}: {column.key} has {table.columnWidth(place)} px, needs {needed}"


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("names", SCENES_WITH_TABLES, ids=lambda names: names[0])
def test_columns_use_the_room_of_a_wide_window(
    qapp: QApplication, tmp_path: Path, names: tuple[str, ...], language: str
) -> None:
    """In a wide window, the columns of texts, identifiers and states get the additional width, and those of amounts
    and ages keep theirs. No table leaves a part of its width unused, and no column is much too wide.
    """
    _check_tables_of_scenes(tmp_path, language, names, find_unused_room, (WIDE_SIZE,))


def _check_tables_of_scenes(
    tmp_path: Path,
    language: str,
    names: tuple[str, ...],
    find_faults: Callable[[FittedTable], Iterator[str]],
    sizes: tuple[tuple[int, int], ...],
) -> None:
    """Run these scenes in a window of each size, and check that each table in them passes and that the scenes have at
    least MIN_TABLE_COUNT different tables with rows.
    """
    with open_sample_desk(tmp_path / "desk", LANGUAGE=language) as desk:
        stage = ColumnStage(desk, WindowLook(language, "light", *sizes[0]), tmp_path / "none")
        stage.tables, stage.find_faults_of_table, stage.sizes = set(), find_faults, sizes
        try:
            for name in names:
                SCENES[name](stage)
        finally:
            stage.close()
    assert stage.display_problems == []
    assert len(stage.tables) >= MIN_TABLE_COUNT, stage.tables
