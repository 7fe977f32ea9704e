"""The model of a long list: pages of rows are asked for by the TaskRunner when they are looked at."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from console.views.look.tokens import tokens
from console.views.tables.book import Change, Page
from console.views.tables.changing import ChangingModel
from console.views.tables.columns import Column, Group
from console.views.tasks import Failure, Runner

Fetch = Callable[[object | None, int], Page]

PAGE = 200
KEPT_PAGES = 8
_FIRST_PLACEHOLDERS = 8


@dataclass(slots=True)
class _Again:
    """Pages from `first` to `last` that are being read again, and what has come of them."""

    first: int
    last: int
    pages: list[Page]

    def take(self, page: Page) -> bool:
        """Another page came; True when all are here."""
        self.pages.append(page)
        return page.next is None or len(self.pages) > self.last - self.first


class PagedModel(ChangingModel):
    """Rows of any number, read in pages by key. `data()` only asks; a placeholder stands meanwhile.

    Signals:
        about_to_change, changed: around every change of rows, so that a view can keep its place.
        arrived: a page came; the first one ends the loading state.
        failed(Failure): a page could not be read; what is shown stays, `re_read` tries again.
    """

    about_to_change = Signal()
    changed = Signal()
    arrived = Signal()
    failed = Signal(object)

    def __init__(
        self,
        columns: Sequence[Column],
        key_of: Callable[[Any], Hashable],
        runner: Runner,
        *,
        group_of: Callable[[Any], Group] | None = None,
        label: str = "",
        page: int = PAGE,
        parent: QObject | None = None,
    ) -> None:
        """`key_of`: what a row keeps over a re-read; `group_of`: its heading; `page`: rows read at a time."""
        super().__init__(columns, key_of, group_of, parent)
        self._runner, self._label, self._page = runner, label, page
        self._fetch: Fetch | None = None
        self._question = 0
        self._asked: int | None = None
        self._again: _Again | None = None
        self._seen = (0, 0)
        self._missed: int | None = None  # a row that was asked for without being seen
        self._tick = 0
        self._broken = False
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self._ask)
        self._skeleton_timer = QTimer(self, singleShot=True)
        self._skeleton_timer.setInterval(tokens().px("motion", "skeleton_after_ms"))
        self._skeleton_timer.timeout.connect(self._show_skeleton)

    # -- what the page does

    def read(self, fetch: Fetch) -> None:
        """Another question: forget the rows, read the first page. `fetch(cursor, limit)` runs in a worker."""
        self.beginResetModel()
        self._question += 1
        self._fetch, self._asked, self._again, self._broken = fetch, None, None, False
        self._seen, self._missed = (0, 0), None
        self.chosen.clear()
        self._book.begin(_FIRST_PLACEHOLDERS)
        self.endResetModel()
        self._ask()

    def re_read(self) -> None:
        """The same question again: rows keep their places, the current row and the choice stay."""
        if self._fetch is None:
            return
        self._question += 1  # what is on its way may be older than this wish
        self._asked, self._broken = None, False
        first, last = self._seen_pages()
        for number, page in enumerate(self._book.slots):
            if not first <= number <= last:
                page.entries = None  # read again when somebody scrolls there
        self._again = None if self.loading else _Again(first, last, [])
        self._ask()

    def replace(self, row: Any) -> bool:
        """A newer version of a row that may be here; False when it isn't."""
        place = self.find(self.key_of(row))
        if place is None:
            return False
        number, at = self._book.locate(place)
        self._step(number, Change("set", at, entries=(row,)))
        return True

    def see(self, first: int, last: int) -> None:
        """The view shows these rows now: pages that aren't here are asked for, the next one ahead."""
        self._seen = (max(0, first), max(0, last))
        self._ask()

    @property
    def loading(self) -> bool:
        """Nothing has arrived for this question yet."""
        return self._fetch is not None and all(page.entries is None for page in self._book.slots)

    @property
    def complete(self) -> bool:
        """The last page is here, so `row_count` is the true number."""
        last = self._book.slots[-1] if self._book.slots else None
        return last is not None and last.entries is not None

    @property
    def row_count(self) -> int:
        """Rows known so far, without headings and placeholders of pages that were never here."""
        counted = 0
        for page in self._book.slots:
            if page.entries is not None:
                counted += sum(not isinstance(entry, Group) for entry in page.entries)
            elif page.used:
                counted += page.count
        return counted

    # -- reading pages

    def entry(self, row: int) -> Any | None:
        entry = super().entry(row)
        if entry is None and 0 <= row < len(self._book):
            self._missed = row
            if self._asked is None and not self._broken and not self._later.isActive():
                self._later.start()
        return entry

    def _seen_pages(self) -> tuple[int, int]:
        last_row = max(0, len(self._book) - 1)
        first, last = (min(row, last_row) for row in self._seen)
        end = len(self._book.slots) - 1  # an empty list has one page and no row on it
        return min(self._book.locate(first)[0], end), min(self._book.locate(last)[0], end)

    @Slot()
    def _ask(self) -> None:
        """Ask for the first page that is needed: one at a time, so that it is always the newest need."""
        if self._asked is not None or self._fetch is None or self._broken:
            return
        number = self._again.first if self._again else self._needed()
        if number is None:
            return
        self._asked, self.skeleton = number, False
        self._skeleton_timer.start()
        fetch, size, question = self._fetch, self._page, self._question
        start = self._book.slots[number].start
        if self._again and self._again.pages:
            start = self._again.pages[-1].next
        self._runner.run(
            lambda: fetch(start, size),
            lambda page: self._take(question, page),
            lambda failure: self._refuse(question, failure),
            owner=self,
            label=self._label,
            cancellable=True,
        )

    def _needed(self) -> int | None:
        first, last = self._seen_pages()
        self._tick += 1
        for number in range(first, last + 1):
            page = self._book.slots[number]
            page.used = self._tick if page.entries is not None else page.used
            if page.entries is None:
                return number
        ahead = last + 1
        if ahead < len(self._book.slots) and self._book.slots[ahead].entries is None:
            middle = self._book.first_row(last) + self._book.slots[last].count // 2
            if self._seen[1] >= middle:
                return ahead
        return self._missed_page()

    def _missed_page(self) -> int | None:
        row, self._missed = self._missed, None
        if row is None or row >= len(self._book):
            return None
        number, _ = self._book.locate(row)
        return number if self._book.slots[number].entries is None else None

    def _take(self, question: int, page: Page) -> None:
        if question != self._question or self._asked is None:
            return
        number, self._asked = self._asked, None
        self._skeleton_timer.stop()
        if self._again is None:
            self._change(lambda: self._put(number, page), number, page)
        elif self._again.take(page):
            first, last, pages = self._again.first, self._again.last, self._again.pages
            self._again = None
            self._change(lambda: self._put_again(first, last, pages), first + len(pages) - 1, page)
        self._ask()

    def _change(self, change: Callable[[], None], last: int, page: Page) -> None:
        """Bring rows in; `page` is the last of them and lies at `last` afterwards."""
        self.about_to_change.emit()
        change()
        self._tick += 1
        self._book.slots[last].used = self._tick
        self._link(last, page)
        self._book.keep_only(KEPT_PAGES)
        self.changed.emit()
        self.arrived.emit()

    def _link(self, number: int, page: Page) -> None:
        """What comes after this page: nothing, a page nobody has read, or one that now starts elsewhere."""
        slots = self._book.slots
        after = slots[number + 1] if number + 1 < len(slots) else None
        if page.next is None:
            self._cut(number + 1)
        elif after is None:
            self._expect_more(page.next)
        elif after.start != page.next:
            after.start = page.next
            if after.entries is not None:  # the pages that are here overlap, or there is a gap between them
                self._again = _Again(number, self._last_here(number), [])

    def _last_here(self, number: int) -> int:
        """The last of the pages from this one on that are here without a gap."""
        slots = self._book.slots
        while number + 1 < len(slots) and slots[number + 1].entries is not None:
            number += 1
        return number

    def _refuse(self, question: int, failure: Failure) -> None:
        if question != self._question:
            return
        self._asked, self._again, self._broken = None, None, True
        self._skeleton_timer.stop()
        self.failed.emit(failure)

    @Slot()
    def _show_skeleton(self) -> None:
        self.skeleton = True
        first, last = self._seen
        self._tell(min(first, len(self._book) - 1), min(max(last, _FIRST_PLACEHOLDERS), len(self._book)) - 1)
