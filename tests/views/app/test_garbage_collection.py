"""Tests that only the GUI thread frees unreferenced objects, whichever thread allocates memory meanwhile."""

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from console.views.app.garbage_collection import GarbageCollectionTimer


def restore_collector_state() -> None:
    """Restore the garbage collector's state in a test process that has shown a window: the existing objects are
    frozen, and automatic collection is off.
    """
    gc.disable()
    gc.freeze()


@pytest.fixture
def collector(qapp: QApplication) -> Iterator[GarbageCollectionTimer]:
    made = GarbageCollectionTimer(qapp)
    yield made
    made.stop()
    restore_collector_state()


def drop_widget(freed_by: list[threading.Thread]) -> None:
    """Make a widget that references itself, as each page with a method as slot does, and drop the reference to it.
    `freed_by` gets the thread that frees the widget.
    """
    page = QWidget()
    page.itself = page  # type: ignore[attr-defined]
    weakref.finalize(page, lambda: freed_by.append(threading.current_thread()))


def allocate_many_objects(answer: list[list[int]]) -> None:
    """Allocate so many objects that Python's automatic garbage collection would collect all generations."""
    answer.extend([] for _ in range(200_000))


def test_only_the_gui_thread_frees_a_widget(collector: GarbageCollectionTimer) -> None:
    """A page is closed while a background thread reads a long answer. The GUI thread, and not the background thread,
    frees the page a moment later.
    """
    collector.collect_if_due()
    freed_by: list[threading.Thread] = []
    drop_widget(freed_by)
    answer: list[list[int]] = []
    worker = threading.Thread(target=allocate_many_objects, args=(answer,))
    worker.start()
    worker.join()
    assert freed_by == []
    collector.collect_if_due()
    assert freed_by == [threading.main_thread()]


def test_only_the_first_collection_freezes_objects(collector: GarbageCollectionTimer) -> None:
    """Only the first garbage collection freezes the existing objects. Later ones don't, because freezing takes longer
    than a collection.
    """
    collector.collect_if_due()
    gc.unfreeze()
    collector.collect_if_due()
    assert gc.get_freeze_count() == 0


def test_the_window_collects_more_often_than_the_process(
    collector: GarbageCollectionTimer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window frees a closed page soon, although the process has a high threshold since its start."""
    collector.collect_if_due()
    monkeypatch.setattr(gc, "get_threshold", lambda: (50_000, 10, 10))
    freed_by: list[threading.Thread] = []
    drop_widget(freed_by)
    kept = [[] for _ in range(5_000)]  # type: ignore[var-annotated]  # objects that only count
    collector.collect_if_due()
    assert (len(kept), freed_by) == (5_000, [threading.main_thread()])


def test_automatic_garbage_collection_is_enabled_again_at_the_end(qapp: QApplication) -> None:
    """When the window is closed, Python's automatic garbage collection is enabled again."""
    collector = GarbageCollectionTimer(qapp)
    assert not gc.isenabled()
    collector.stop()
    assert gc.isenabled()
    restore_collector_state()
