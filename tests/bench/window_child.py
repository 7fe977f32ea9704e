"""Parts of the window in a process of their own. The first argument decides the measurement: table, frames or gaps.
The figures are printed as JSON.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QTableWidget, QTableWidgetItem

from console.app import Console, open_console
from console.domain.clock import SystemClock
from console.domain.records import CreditCheck, PurchaseRequest
from console.settings.settings import Settings
from console.store.credit_checks import credit_checks
from console.store.schema.core import credit_checks as table_of_checks
from console.views.records.columns import make_credit_check_columns
from console.views.runtime.context import WindowContext
from console.views.runtime.page_fetch import FetchedPage
from console.views.runtime.task_runner import TaskRunner
from console.views.tables.paged_model import PagedModel
from console.views.tables.record_table import RecordTable
from console.views.theme.theme import current_appearance, install_appearance
from tests.bench.figures import compute_median, compute_percentile
from tests.support.invented import invent_numbers

_WIDTH = 1200
_HEIGHT = 800
_COLUMNS = ("age", "corporation", "number", "client", "state", "certainty", "work", "cause", "next")
_MAX_WAIT_MS = 20_000
_SHOWN_TABLE_COUNT = 15
_SCROLLED_PAGE_COUNT = 600
_FRAME_COUNT = 600
_SCROLL_STEP = 40  # px of a notch of the wheel, about
_ROUND_COUNT = 3
_IDLE_SECONDS = 10.0


class WindowApplication:
    """A Qt application with the console of a desk."""

    def __init__(self) -> None:
        self.app = QApplication(sys.argv[:1])
        install_appearance(self.app, theme="light")
        self._exit_stack = ExitStack()
        settings = Settings.load()
        self.console: Console = self._exit_stack.enter_context(open_console(settings))
        self.runner = TaskRunner()
        self.context = WindowContext(settings, self.runner, SystemClock())
        self.context.store_services(self.console)

    def open_other_console(self, url: str) -> Console:
        """Open a console on another database; it is closed at the end."""
        environment = {**os.environ, "CONSOLE_DATABASE_URL": url}
        return self._exit_stack.enter_context(open_console(Settings.load(environment)))

    def show_table(self, row_count: int, console: Console | None = None) -> "ShownTable":
        """Show a table of the first `row_count` credit checks by id, read by `console` (None: the console of the
        desk)."""
        return ShownTable(self, row_count, console or self.console)

    def close(self) -> None:
        self.runner.close()
        self._exit_stack.close()


class WatchedTable(RecordTable):
    """A table that calls `on_painted` after each painting."""

    on_painted: Callable[[], None] = staticmethod(lambda: None)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        self.on_painted()


class ShownTable:
    """A table that was built and shown. `seconds` is the time until its rows, or its empty state, were painted."""

    def __init__(self, stage: WindowApplication, row_count: int, console: Console) -> None:
        self._last = row_count
        self._database = console.database
        began = time.perf_counter()
        columns = make_credit_check_columns(stage.context, _COLUMNS, lambda record: record)
        self.model = PagedModel(columns, lambda record: record.id, stage.runner)
        self.table = WatchedTable(self.model, "records")
        self.table.resize(_WIDTH, _HEIGHT)
        loop = QEventLoop()
        self.table.on_painted = lambda: None if self.model.is_loading else loop.quit()
        self.model.page_applied.connect(self.table.viewport().update)
        self.model.read_query(stage.context.make_page_reader(self._fetch))
        self.table.show()
        _run_loop(loop)
        self.seconds = time.perf_counter() - began
        self.table.on_painted = lambda: None

    def _fetch(self, _services: Console, cursor: Any, limit: int) -> FetchedPage:
        """Read a page of all credit checks by id, because no queue has a million rows."""
        after = int(cursor or 0)
        by_id = table_of_checks.c.id
        query = (
            credit_checks.get_all_rows_query().where(by_id > after, by_id <= self._last).order_by(by_id).limit(limit)
        )
        with self._database.read() as conn:
            records: Sequence[CreditCheck] = credit_checks.select_records(conn, query)
        return FetchedPage(records, records[-1].id if len(records) == limit else None)

    def scroll_one_page_down(self) -> None:
        """Scroll the table down by one page, and wait until the rows of that page are read."""
        bar = self.table.verticalScrollBar()
        bar.setValue(bar.value() + bar.pageStep())
        last = self.table.rowAt(self.table.viewport().height() - 1)
        while self.model.get_item(last if last >= 0 else self.model.rowCount() - 1) is None:
            loop = QEventLoop()
            self.model.page_applied.connect(loop.quit)
            _run_loop(loop)
        self.table.viewport().repaint()

    def close(self) -> None:
        self.table.close()
        self.table.deleteLater()
        self.model.deleteLater()
        QApplication.sendPostedEvents(None, 0)
        QApplication.processEvents()


def _run_loop(loop: QEventLoop) -> None:
    """Run the event loop until its method `quit` is called, at most for `_MAX_WAIT_MS`."""
    QTimer.singleShot(_MAX_WAIT_MS, loop, loop.quit)
    loop.exec()


def _read_resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


# 15


def measure_table(row_count: int, large_row_count: int, large_url: str) -> dict[str, Any]:
    """Measure, alternately, the time to show no rows, `row_count` rows, and `large_row_count` rows of another
    database. Return the medians (seconds), the growth of the memory by 600 scrolled pages (bytes), and the index of
    the row that is at the top after that.
    """
    stage = WindowApplication()
    large_console = stage.open_other_console(large_url)
    took: dict[str, list[float]] = {"empty": [], "small": [], "large": []}
    for number in range(-2, _SHOWN_TABLE_COUNT):
        for name, count, console in (
            ("empty", 0, None),
            ("small", row_count, None),
            ("large", large_row_count, large_console),
        ):
            shown = stage.show_table(count, console)
            if number >= 0:
                took[name].append(shown.seconds)
            shown.close()
    grown, reached = _scroll_pages(stage.show_table(large_row_count, large_console))
    stage.close()
    return {name: compute_median(seconds) for name, seconds in took.items()} | {"grown": grown, "reached": reached}


def _scroll_pages(shown: ShownTable) -> tuple[int, int]:
    """Scroll 600 pages. Return the growth of the memory (bytes), and the index of the row that is at the top after
    that."""
    gc.collect()
    before = _read_resident_bytes()
    for _ in range(_SCROLLED_PAGE_COUNT):
        shown.scroll_one_page_down()
    gc.collect()
    grown, reached = _read_resident_bytes() - before, shown.table.rowAt(0)
    shown.close()
    return grown, reached


# 16


def measure_frames() -> dict[str, Any]:
    """Measure the time to scroll by one notch and paint, of the console's table and of Qt's own items in C++. Return
    the percentiles (seconds).
    """
    stage = WindowApplication()
    shown = stage.show_table(1_000)
    items = _make_qt_items(shown)
    took: dict[str, list[float]] = {"ours": [], "items": []}
    for number in range(-50, _FRAME_COUNT):
        for name, view in (("ours", shown.table), ("items", items)):
            bar = view.verticalScrollBar()
            # Back and forth over rows that are here: reading pages is not what is measured.
            place = (number % 100) * _SCROLL_STEP
            began = time.perf_counter()
            bar.setValue(place)
            view.viewport().repaint()
            if number >= 0:
                took[name].append(time.perf_counter() - began)
    sorted_seconds_by_name = {name: sorted(seconds) for name, seconds in took.items()}
    shown.close()
    items.close()
    stage.close()
    return {
        name: {"p50": compute_median(seconds), "p99": compute_percentile(seconds, 0.99), "max": seconds[-1]}
        for name, seconds in sorted_seconds_by_name.items()
    }


def _make_qt_items(shown: ShownTable) -> QTableWidget:
    """Return a QTableWidget with the same texts, painted by Qt's own delegate."""
    model = shown.model
    count = 200
    items = QTableWidget(count, len(model.columns))
    items.resize(_WIDTH, _HEIGHT)
    items.setFont(current_appearance().font("body"))
    items.setShowGrid(False)
    items.setWordWrap(False)
    items.setVerticalScrollMode(QTableWidget.ScrollMode.ScrollPerPixel)
    items.verticalHeader().hide()
    items.verticalHeader().setDefaultSectionSize(current_appearance().row_height())
    for place, column in enumerate(model.columns):
        items.setColumnWidth(place, shown.table.columnWidth(place))
        for row in range(count):
            record = model.get_item(row)
            cell = QTableWidgetItem(column.format_text(record))
            cell.setTextAlignment(Qt.AlignmentFlag.AlignVCenter)
            items.setItem(row, place, cell)
    items.show()
    QApplication.processEvents()
    return items


# 17


class EventLoopGaps(QObject):
    """Measures the longest time between two passes of the event loop (seconds)."""

    def __init__(self) -> None:
        super().__init__()
        self.longest, self._last = 0.0, time.perf_counter()
        self._timer = QTimer(self, interval=1)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._record_event_loop_pass)
        self._timer.start()

    def _record_event_loop_pass(self) -> None:
        now = time.perf_counter()
        self.longest, self._last = max(self.longest, now - self._last), now

    def read_and_reset_longest(self) -> float:
        """Return the longest gap (seconds) of the event loop since the last call of this method."""
        longest, self.longest = self.longest, 0.0
        return longest


def measure_gaps() -> dict[str, Any]:
    """Measure the longest time between two passes of the event loop in each round: once while the window is idle, and
    once while four threads call a slow provider, which answers one of the calls with a large PDF. Return these times
    by name (seconds), and how the calls ended.
    """
    stage = WindowApplication()
    checks, fresh = stage.console.credit_checks, iter(invent_numbers(1 + 3 * _ROUND_COUNT))
    bought = checks.purchase(PurchaseRequest(next(fresh), "1"))
    shown = stage.show_table(1_000)
    watch = EventLoopGaps()
    values_by_name: dict[str, list[Any]] = {"idle": [], "busy": [], "ended": []}
    for _ in range(_ROUND_COUNT):
        values_by_name["idle"].append(_measure_longest_gap(watch, stage, [])[0])
        calls: list[Callable[[], object]] = [partial(checks.refetch, bought.id, detail=False)]
        calls += [partial(checks.purchase, PurchaseRequest(next(fresh), "1")) for _ in range(3)]
        busy, ended = _measure_longest_gap(watch, stage, calls)
        values_by_name["busy"].append(busy)
        values_by_name["ended"] += ended
    shown.close()
    stage.close()
    return values_by_name


def _measure_longest_gap(
    watch: EventLoopGaps, stage: WindowApplication, calls: Sequence[Callable[[], object]]
) -> tuple[float, list[str]]:
    """Start the calls, and wait until all have ended; without calls wait ten seconds. Return the longest time between
    two passes of the event loop (seconds), and for each call "done" or its error code.
    """
    loop, ended = QEventLoop(), list[str]()

    def record_end_of_wait(ending: str) -> None:
        ended.append(ending)
        if len(ended) == len(calls):
            loop.quit()

    watch.read_and_reset_longest()
    for call in calls:
        stage.runner.run(
            call,
            lambda _: record_end_of_wait("done"),
            lambda failure: record_end_of_wait(failure.code),
            caller=watch,
            label="call",
            pool_name="slow",
        )
    QTimer.singleShot(60_000 if calls else int(_IDLE_SECONDS * 1000), loop, loop.quit)
    loop.exec()
    return watch.read_and_reset_longest(), ended


def main(arguments: Sequence[str]) -> None:
    mode, *rest = arguments
    figures = {
        "table": lambda: measure_table(int(rest[0]), int(rest[1]), rest[2]),
        "frames": measure_frames,
        "gaps": measure_gaps,
    }[mode]()
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
