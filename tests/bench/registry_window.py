"""Measures the window of a desk that has a corporation registry: the start of the window, and the time from the last
key press in the search box until the companies are painted."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from console.app import open_console
from console.settings.settings import Settings
from console.views.app.main import WindowOpener
from console.views.theme.theme import install_appearance
from tests.bench.figures import ReportRow, compute_median, compute_percentile, format_duration, format_ratio
from tests.bench.starts import ROOT, start_and_read_events
from tests.support.desks import copy_empty_database, make_environment
from tests.support.first_use import note_earlier_use

TYPED_TEXT_COUNT = 100
_START_COUNT = 9
_UNUSED_URL = "http://127.0.0.1:9"
_MAX_WAIT_SECONDS = 20.0
_GOAL_SECONDS = 0.1


def measure_rows(home: Path, texts: Sequence[str]) -> Iterator[ReportRow]:
    """Measure a desk with the home folder `home`, which has a registry. `texts` are typed into its search box. Yield
    two rows of the report: the first frame, and the time from the last key to the companies on screen."""
    without = home / "without"
    for folder in (home, without):
        copy_empty_database(folder)
    yield _measure_start(_make_env(home), _make_env(without))
    command = [sys.executable, "-m", "tests.bench.registry_window"]
    ran = subprocess.run(
        command, env=_make_env(home), cwd=ROOT, input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    took = sorted(json.loads(ran.stdout))
    p99 = compute_percentile(took, 0.99)
    figure = f"{format_duration(compute_median(took))}, p99 {format_duration(p99)}"
    name = f"registry: last key to companies on screen, {len(took)} texts"
    yield ReportRow("27", name, figure, "pause 40.0 ms", "–", "–", "p99 ≤ 100 ms", p99 <= _GOAL_SECONDS)


def _make_env(home: Path) -> dict[str, str]:
    platform = os.environ.get("QT_QPA_PLATFORM", "offscreen")
    return {**os.environ, **make_environment(home, _UNUSED_URL), "QT_QPA_PLATFORM": platform}


def _measure_start(env: dict[str, str], without: dict[str, str]) -> ReportRow:
    """Compare the first frame of the window with and without a registry. `without` has the environment variables of a
    desk without a registry. Return the row of the report."""
    seconds_by_kind: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(-1, _START_COUNT):
        for name, each in (("with", env), ("without", without)):
            saw = start_and_read_events("frame", each)["frame"].seconds
            if number >= 0:
                seconds_by_kind[name].append(saw)
    figure, floor = compute_median(seconds_by_kind["with"]), compute_median(seconds_by_kind["without"])
    name, comparison = "registry: first painted frame", f"without one {format_duration(floor)}"
    return ReportRow(
        "27",
        name,
        format_duration(figure),
        "–",
        comparison,
        format_ratio(figure / floor),
        "≤ 1.05×",
        figure <= 1.05 * floor,
    )


class _PaintObserver(QObject):
    """Stores the moment of the last painting of the list of results (perf_counter, seconds)."""

    painted_at = 0.0

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            self.painted_at = time.perf_counter()
        return False


def _insert_text(opening: WindowOpener, text: str) -> float:
    """Insert a whole text into the empty search box. Return the seconds until its results were painted."""
    assert opening.controller is not None
    box = opening.controller.command_palette.search_box
    states_before_end = ("", opening.context.translate("search.running"))
    watch = _PaintObserver()
    box.input.clear()
    box.list.viewport().installEventFilter(watch)
    began = time.perf_counter()
    box.input.insert(text)
    _process_events_until(lambda: box.footer.status_label.plain not in states_before_end)
    shown_at = time.perf_counter()
    _process_events_until(lambda: watch.painted_at >= shown_at)
    box.list.viewport().removeEventFilter(watch)
    return watch.painted_at - began


def _process_events_until(condition: Callable[[], bool]) -> None:
    """Process events until the condition is true. The loop sleeps between events, as that of a window does; otherwise
    it would use a core and Python's lock, which the search needs. Raises TimeoutError."""
    deadline = time.monotonic() + _MAX_WAIT_SECONDS
    clock = QTimer(interval=1, timerType=Qt.TimerType.PreciseTimer)
    clock.start()
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the window did not get there")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    clock.stop()


def main(texts: Sequence[str]) -> None:
    """Type the texts one after another, and print the durations as JSON (seconds), without that of the first text."""
    app = QApplication(sys.argv[:1])
    install_appearance(app, theme="light")
    settings = Settings.load()
    note_earlier_use(settings.home, settings.operator or "")
    with open_console(settings) as console:
        opening = WindowOpener(settings, lambda: console)
        opening.window.show()
        _process_events_until(lambda: opening.controller is not None and opening.runner.is_idle())
        assert opening.controller is not None
        opening.controller.command_palette.open()
        took = [_insert_text(opening, text) for text in texts]
        print(json.dumps(took[1:]), flush=True)
        os._exit(0)  # a window that is closed in order takes longer, and nothing here is kept


if __name__ == "__main__":
    main(json.load(sys.stdin))
