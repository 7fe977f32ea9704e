"""A window in a process of its own, for session.py: a script presses keys for ten minutes, and the process measures
the passes of its event loop.

The desk's settings come from the environment, the duration (seconds) and the records as JSON from the command line.
The figures are written to stdout as one line of JSON.
"""

import faulthandler
import gc
import json
import os
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from console.app import open_console
from console.settings.settings import Settings
from console.store.queues.queues import RECORD_QUEUE_NAMES
from console.views.app.garbage_collection import GarbageCollectionTimer
from console.views.app.main import WindowOpener
from console.views.runtime.routes import CreditCheckRoute, PaymentRoute, QueuesRoute
from tests.support.first_use import note_earlier_use

PASS_INTERVAL_MS = 5
_MS_BETWEEN_KEYS, _READING_PAUSE_MS, _SAMPLE_INTERVAL_SECONDS = 120, 700, 5.0
_MIN_SECONDS_OF_LONG_PASS, _STACK_INTERVAL_SECONDS = 0.033, 0.02
_STACK_FRAME_PATTERN = re.compile(r'File "(.+)", line (\d+) in (.+)')
_REPORTED_FRAME_COUNT = 12
Step = Callable[[], object] | int
"""One step of the script: a function that acts for the person, or a pause (ms) in which the person reads."""


class EventLoopWatch(QObject):
    """Measures each pass of the event loop. `late` has the delay of each pass (seconds). `work` has the processor
    time of the main thread in each pass with more than 2 ms (seconds), with the name of the action that was running.
    """

    def __init__(self) -> None:
        super().__init__()
        self.late: list[float] = []
        self.work: list[tuple[float, str]] = []
        self.doing = "starts"
        self.last, self._cpu = time.perf_counter(), time.thread_time()
        self._timer = QTimer(self, interval=PASS_INTERVAL_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._record_event_loop_pass)
        self._timer.start()

    def _record_event_loop_pass(self) -> None:
        now, cpu = time.perf_counter(), time.thread_time()
        self.late.append(max(0.0, now - self.last - PASS_INTERVAL_MS / 1_000))
        if cpu - self._cpu > 0.002:
            self.work.append((cpu - self._cpu, self.doing))
        self.last, self._cpu = now, cpu

    def delete_figures(self) -> None:
        """Delete the figures that were measured while the window started."""
        self.late.clear()
        self.work.clear()


class StackWatch(threading.Thread):
    """A thread that counts the call stacks of the main thread while a pass of the event loop takes long. The thread
    reads the stacks from a dump of faulthandler, because references to frame objects would prevent the deletion of a
    painter after the painting.
    """

    def __init__(self, watch: EventLoopWatch) -> None:
        super().__init__(name="stacks", daemon=True)
        self._watch = watch
        self.seen: Counter[str] = Counter()
        self.over = threading.Event()

    def run(self) -> None:
        with tempfile.TemporaryFile("w+") as file:
            while not self.over.wait(_STACK_INTERVAL_SECONDS):
                if time.perf_counter() - self._watch.last > _MIN_SECONDS_OF_LONG_PASS + PASS_INTERVAL_MS / 1_000:
                    file.seek(0)
                    file.truncate()
                    faulthandler.dump_traceback(file, all_threads=True)
                    file.seek(0)
                    self.seen[" < ".join(islice(_list_console_frames(file.read()), 4))] += 1


def _list_console_frames(stacks: str) -> Iterator[str]:
    """Yield the console's functions in the main thread's stack, innermost first. In faulthandler's dump the main
    thread's stack comes last.
    """
    for file, line, function in _STACK_FRAME_PATTERN.findall(stacks[stacks.rindex("hread 0x") :]):
        if f"{os.sep}console{os.sep}" in file:
            yield f"{Path(file).stem}.{function}:{line}"


class PaintWatch(QObject):
    """Measures, for each action, the time from a key press to the end of the first painting that follows it (`took`),
    and to the end of what the key press started in the next pass of the event loop, its painting included
    (`settled`): the preview beside a list is built there. Real time and processor time of the main thread (seconds).
    """

    def __init__(self) -> None:
        super().__init__()
        self.took: dict[str, list[tuple[float, float]]] = {}
        self.settled: dict[str, list[tuple[float, float]]] = {}
        self._pressed: tuple[str, float, float] | None = None
        self._has_painted = False
        self.without_painting: Counter[str] = Counter()

    def press_key(self, figure_name: str, key: Callable[[], object]) -> None:
        """Press a key by calling `key`, and measure the painting that follows under the name `figure_name`."""
        self._pressed, self._has_painted = (figure_name, time.perf_counter(), time.thread_time()), False
        key()  # handles the key and the events that it posts, so a painting has ended here
        if not self._has_painted:  # for example Up in the first row
            self._pressed = None
            self.without_painting[figure_name] += 1

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.UpdateRequest or not self._pressed or self._has_painted:
            return False
        self._has_painted = True
        watched.event(event)  # paints, and returns when the painting has ended
        self._record_figures(self.took)
        QTimer.singleShot(0, self, self._post_event_after_painting)
        return True

    def _post_event_after_painting(self) -> None:
        """Post an event of low priority to this object. Qt delivers it to the method `event` after the paintings that
        are requested until now.
        """
        QCoreApplication.postEvent(self, QEvent(QEvent.Type.User), Qt.EventPriority.LowEventPriority.value)

    def event(self, event: QEvent) -> bool:
        if event.type() != QEvent.Type.User:
            return super().event(event)
        self._record_figures(self.settled)
        self._pressed = None
        return True

    def _record_figures(self, figures: dict[str, list[tuple[float, float]]]) -> None:
        """Append the real time and the processor time since the key press (both seconds) to the list in `figures`
        whose key is the name that `press_key` got. Do nothing if no key press is being measured."""
        if self._pressed:
            figure_name, began_at, processor_seconds_before = self._pressed
            times = (time.perf_counter() - began_at, time.thread_time() - processor_seconds_before)
            figures.setdefault(figure_name, []).append(times)


class ScriptedWindowSession(QObject):
    """The script of a person at the window. The class executes one step per timer event, so that no step waits inside
    a pass of the event loop.
    """

    def __init__(self, opening: WindowOpener, facts: Mapping[str, Any]) -> None:
        super().__init__()
        self._opening, self._facts, self._chance = opening, facts, random.Random(facts["seed"])
        self.watch, self.paints = EventLoopWatch(), PaintWatch()
        opening.window.installEventFilter(self.paints)
        self.stacks = StackWatch(self.watch)
        self.done: Counter[str] = Counter()
        self.memory: list[tuple[float, float]] = []
        self._steps: Iterator[Step] = iter(())
        self._began = 0.0

    def begin(self) -> None:
        """Begin the session as soon as the window shows its first page and has no read in progress."""
        if self._opening.controller is None or not self._opening.runner.is_idle():
            QTimer.singleShot(100, self, self.begin)
            return
        self._began = time.monotonic()
        self.watch.delete_figures()
        self.stacks.start()
        self._take_sample()
        self._execute_next_step()

    @property
    def _elapsed_seconds(self) -> float:
        """Return the seconds since the beginning of the session."""
        return time.monotonic() - self._began

    def _take_sample(self) -> None:
        """Store a sample of the process's memory (MB), and plan the next one."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.memory.append((self._elapsed_seconds, pages * os.sysconf("SC_PAGESIZE") / 1e6))
        QTimer.singleShot(round(_SAMPLE_INTERVAL_SECONDS * 1_000), self, self._take_sample)

    def _execute_next_step(self) -> None:
        """Execute the next step of the script. After the last step of an action, choose the next action at random.
        End the program when the time is over.
        """
        step = next(self._steps, None)
        if step is None:
            if self._elapsed_seconds >= self._facts["seconds"]:
                self.stacks.over.set()
                QApplication.exit(0)
                return
            name, act = self._chance.choice(list(self._step_makers_by_action.items()))
            self.watch.doing = name
            self.done[name] += 1
            self._steps = iter([*act(), partial(self._close_dialogs), _MS_BETWEEN_KEYS])
            step = _MS_BETWEEN_KEYS
        if isinstance(step, int):
            QTimer.singleShot(step, self, self._execute_next_step)
            return
        step()
        QTimer.singleShot(_MS_BETWEEN_KEYS, self, self._execute_next_step)

    # -- what the person does

    @property
    def _step_makers_by_action(self) -> Mapping[str, Callable[[], Sequence[Step]]]:
        """Return the functions that make the steps of an action, by the action's name."""
        return {
            "pages": self._make_page_steps,
            "queue": self._make_queue_steps,
            "search": self._make_search_steps,
            "record": self._make_record_steps,
            "probe": self._make_probe_steps,
            "fetch": self._make_fetch_steps,
            "pdf": self._make_pdf_steps,
            "filter": self._make_filter_steps,
            "look on": lambda: [6_000],
        }

    def _make_key_step(self, keys: str, figure_name: str = "") -> Step:
        """Return a step that presses these keys. With `figure_name`, the painting after the key press is measured
        under this name.
        """

        def press_keys() -> None:
            active = QApplication.activeWindow() or self._opening.window
            handle = active.windowHandle()
            sequence = QKeySequence(keys)[0]  # type: ignore[index]  # a sequence is; the stubs don't say so
            if handle is not None:
                QTest.keyClick(handle, sequence.key(), sequence.keyboardModifiers())

        return partial(self.paints.press_key, figure_name, press_keys) if figure_name else press_keys

    def _make_typing_steps(self, text: str, figure_name: str) -> list[Step]:
        """Return the steps that type this text, one per character. The painting after each key press is measured
        under the name `figure_name`.
        """
        return [self._make_key_step(letter, figure_name) for letter in text]

    def _make_page_steps(self) -> list[Step]:
        keys = self._chance.sample(range(1, 10), 3)
        return [
            step
            for key in keys
            for step in (
                self._make_key_step(f"Alt+{key}"),
                _READING_PAUSE_MS,
                self._make_key_step("PgDown"),
                _READING_PAUSE_MS,
            )
        ]

    def _make_queue_route_steps(self) -> list[Step]:
        name = self._chance.choice(RECORD_QUEUE_NAMES)
        return [partial(self._opening.frame.show_route, QueuesRoute(name)), _READING_PAUSE_MS]

    def _make_queue_steps(self) -> list[Step]:
        keys = self._chance.choices(("Down", "Down", "Up", "PgDown", "PgUp", "End", "Home"), k=15)
        return [*self._make_queue_route_steps(), *(self._make_key_step(key, "list") for key in keys)]

    def _make_filter_steps(self) -> list[Step]:
        words = self._chance.choice(("age:>1h", "provider:paypay", "ORD", "amount:>5000"))
        clear = [self._make_key_step("Ctrl+A"), self._make_key_step("Del"), _READING_PAUSE_MS]
        return [
            *self._make_queue_route_steps(),
            self._make_key_step("Ctrl+F"),
            *self._make_typing_steps(words, "filter"),
            _READING_PAUSE_MS,
            *clear,
        ]

    def _make_search_steps(self) -> list[Step]:
        text = self._chance.choice([*map(str, self._facts["numbers"]), "status:unknown", "amount:>5000", "ORD-2"])
        moves = [
            self._make_key_step("Down", "search"),
            self._make_key_step("Down", "search"),
            self._make_key_step("Up", "search"),
        ]
        return [
            self._make_key_step("Ctrl+K", "search"),
            *self._make_typing_steps(text[:8], "search"),
            _READING_PAUSE_MS,
            *moves,
            self._make_key_step("Esc"),
        ]

    def _make_open_record_steps(self) -> list[Step]:
        made, ids = self._chance.choice(
            ((CreditCheckRoute, self._facts["checks"]), (PaymentRoute, self._facts["payments"]))
        )
        return [partial(self._opening.frame.show_route, made(self._chance.choice(ids))), _READING_PAUSE_MS]

    def _make_record_steps(self) -> list[Step]:
        return [
            *self._make_open_record_steps(),
            *[self._make_key_step("Ctrl+Tab"), _READING_PAUSE_MS] * 4,
            self._make_key_step("Esc"),
        ]

    def _make_probe_steps(self) -> list[Step]:
        return [*self._make_open_record_steps(), self._make_key_step("P"), 2_500]

    def _make_fetch_steps(self) -> list[Step]:
        check = self._chance.choice(self._facts["fetched"])
        shown: list[Step] = [partial(self._opening.frame.show_route, CreditCheckRoute(check)), _READING_PAUSE_MS]
        return [
            *shown,
            self._make_key_step("F"),
            _READING_PAUSE_MS,
            self._make_key_step("Tab"),
            self._make_key_step("Return"),
            12_000,
        ]

    def _make_pdf_steps(self) -> list[Step]:
        check = self._chance.choice(self._facts["checks"])
        shown: list[Step] = [partial(self._opening.frame.show_route, CreditCheckRoute(check)), _READING_PAUSE_MS]
        return [
            *shown,
            self._make_key_step("O"),
            _READING_PAUSE_MS,
            self._make_key_step("PgDown"),
            _READING_PAUSE_MS,
            self._make_key_step("Esc"),
            _READING_PAUSE_MS,
        ]

    def _close_dialogs(self) -> None:
        active = QApplication.activeWindow()
        if active is not None and active is not self._opening.window:
            QTest.keyClick(active.windowHandle(), Qt.Key.Key_Escape)

    def collect_figures(self) -> dict[str, Any]:
        """Return the figures of the session by name. `late` and `work` are sorted lists of seconds. `painted` and
        `settled` have (real seconds, processor seconds) for each key press.
        """
        work = sorted(self.watch.work, reverse=True)
        return {
            "late": sorted(self.watch.late),
            "work": sorted(seconds for seconds, _ in work),
            "longest": work[:_REPORTED_FRAME_COUNT],
            "stacks": self.stacks.seen.most_common(_REPORTED_FRAME_COUNT),
            "painted": self.paints.took,
            "settled": self.paints.settled,
            "without painting": self.paints.without_painting,
            "memory": self.memory,
            "done": self.done,
        }


def main(facts: Mapping[str, Any]) -> None:
    """Run the window with a session, and print its figures as one line of JSON. `facts` has the parameters from the
    command line (see the module).
    """
    app = QApplication(sys.argv[:1])
    settings = Settings.load()
    note_earlier_use(settings.home, settings.operator or "")
    with open_console(settings, program="window") as console:
        opening = WindowOpener(settings, lambda: console)
        collector = GarbageCollectionTimer(app)
        opening.window.resize(1440, 900)
        opening.window.show()
        opening.window.activateWindow()
        session = ScriptedWindowSession(opening, facts)
        session.begin()
        app.exec()
        figures = session.collect_figures()
        opening.close()
        collector.stop()
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    gc.disable()
    main(json.loads(sys.argv[1]))
