"""A stored PDF: pages as images from a child process, with zoom and search. Nothing inside it runs here."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Slot

from console.domain.pages import PageHit, PageImage
from console.views.desk_api import Desk, PdfPages
from console.views.look.tokens import tokens
from console.views.pages.page import Page
from console.views.pages.pdf_view import PdfView
from console.views.routes import PdfRoute
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.base import Surface, Words, row
from console.views.widgets.buttons import IconButton, KeyButton
from console.views.widgets.inputs import Edit

_ZOOMS = (50, 75, 100, 125, 150, 200, 300)
_PAGE_PX = 760


class PdfPage(Page):
    """One document at a time; the child process goes when another is opened or the page is left."""

    place = "lookup"
    help_key = "help.pdf"
    hints = (
        (("PgUp", "PgDown"), "key.pages"),
        (("+", "-"), "key.zoom"),
        (("Ctrl+F",), "key.find"),
        (("Enter",), "key.next_hit"),
        (("Esc",), "key.back"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self.route = PdfRoute(0)
        self._pages: PdfPages | None = None
        self.count = 0
        self.index = 0
        self._zoom = _ZOOMS.index(100)
        self._hits: tuple[PageHit, ...] = ()
        self._hit = -1
        self._searched = ""
        self.title = Words("", "title")
        self.position = Words("", "data", "muted")
        self.zoom_words = Words("", "data", "muted")
        self.found = Words("", "small", "muted")
        self.canvas = PdfView(seat.say("pdf.page_image"))
        self._build()
        self._connect()

    def _build(self) -> None:
        say, margin = self.seat.say, tokens().px("spacing", "page_margin")
        self.back = KeyButton(say("action.back"), "Esc", binds=False)
        self.previous = IconButton("arrow_up", say("action.previous_page"))
        self.next = IconButton("arrow_down", say("action.next_page"))
        self.smaller = KeyButton(say("action.zoom_out"), "-", "tool", binds=False)
        self.larger = KeyButton(say("action.zoom_in"), "+", "tool", binds=False)
        self.search = Edit()
        self.search.setAccessibleName(say("action.find"))
        self.search.setFixedWidth(220)
        label = Words(say("action.find"), "body", "muted")
        label.setBuddy(self.search)
        head = Surface()
        safe = Words(say("pdf.safe"), "body", "muted")
        head.setLayout(row(self.title, 8, safe, None, self.back, gap=4, margins=(margin, 12, margin, 12)))
        tools = Surface(raised=True, edge="bottom")
        tools.setLayout(
            row(
                self.previous, self.position, self.next, 16, self.smaller, self.zoom_words, self.larger, None,
                label, self.search, self.found, gap=8, margins=(margin, 8, margin, 8),
            )
        )  # fmt: skip
        self.add(head)
        self.add(tools)
        self.add_bars()
        self.add(self.canvas, 1)
        self.add_hints()

    def _connect(self) -> None:
        acts: list[tuple[object, Callable[[], object]]] = [
            (self.previous.clicked, self.go_back), (self.next.clicked, self.go_on),
            (self.smaller.clicked, self.zoom_out), (self.larger.clicked, self.zoom_in),
            (self.back.clicked, self._leave), (self.search.returnPressed, self._search),
        ]  # fmt: skip
        for signal, act in acts:
            signal.connect(act)  # type: ignore[attr-defined]  # a signal
        for keys, act in (
            ("PgUp", self.go_back), ("PgDown", self.go_on), ("+", self.zoom_in), ("-", self.zoom_out),
            ("Ctrl+F", self._go_to_search), ("=", self.zoom_in),
        ):  # fmt: skip
            self.key(keys, act)

    # -- which document

    def enter(self, route: object) -> None:
        if not isinstance(route, PdfRoute):
            return
        if route != self.route or self._pages is None:
            self._close()
            self.route = route
            self.title.say(self.seat.say("pdf.title", id=route.record))
            self.refresh("entered")

    def entered(self) -> None:
        self.canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        return False  # a stored copy never changes

    def read(self, reason: str) -> None:
        route = self.route
        self.canvas.show_words(self.seat.say("pdf.reading"))

        def opened(desk: Desk) -> tuple[PdfPages, int]:
            pages = desk.pdfs.open(route.record, route.sha256)
            return pages, pages.page_count()

        self.seat.read(opened, lambda found: self._take(route, *found), self._unreadable, owner=self, key=self)

    def _take(self, route: PdfRoute, pages: PdfPages, count: int) -> None:
        if route != self.route:
            pages.close()
            return
        self._close()
        self.reading_done()
        self._pages, self.count, self.index = pages, count, 0
        self._draw()

    def _unreadable(self, failure: Failure) -> None:
        reason = failure.detail.get("reason")
        words = self.seat.say("pdf.unreadable", reason=reason)
        self.canvas.show_words(words if failure.code == "provider_answer_unusable" else self.seat.message(failure))
        self.position.say("")

    def _close(self) -> None:
        """End the child process; it must not outlive what it shows."""
        pages, self._pages = self._pages, None
        self._hits, self._hit, self.count = (), -1, 0
        self.found.say("")
        if pages is not None:
            self.seat.runner.run(pages.close, lambda _: None, lambda _: None, owner=self.seat)

    def hideEvent(self, event: object) -> None:
        super().hideEvent(event)  # type: ignore[arg-type]  # a QHideEvent
        self._close()

    # -- pages

    def _draw(self) -> None:
        """Ask for the page in sight, sharp on this screen."""
        pages, index = self._pages, self.index
        if pages is None:
            return
        self.position.say(self.seat.say("pdf.page", page=index + 1, count=self.count))
        percent = _ZOOMS[self._zoom]
        self.zoom_words.say(self.seat.say("menu.percent", percent=percent))
        shown = round(_PAGE_PX * percent / 100)
        dots = round(shown * self.devicePixelRatioF())
        self.previous.setEnabled(index > 0)
        self.next.setEnabled(index < self.count - 1)
        self.seat.runner.run(
            lambda: pages.page_image(index, dots),
            lambda image: self._show_page(index, image, shown),
            self._unreadable,
            owner=self,
            cancellable=True,
        )

    def _show_page(self, index: int, image: PageImage, shown: int) -> None:
        if index == self.index:
            marked = self._hits[self._hit] if 0 <= self._hit < len(self._hits) else None
            boxes = [box for hit in self._hits if hit.page == index for box in hit.boxes]
            current = list(marked.boxes) if marked is not None and marked.page == index else []
            name = self.seat.say("pdf.page", page=index + 1, count=self.count)
            self.canvas.show_page(image, shown, boxes, current, name)

    def _turn(self, step: int) -> None:
        wanted = self.index + step
        if 0 <= wanted < self.count:
            self.index = wanted
            self.canvas.to_top()
            self._draw()

    @Slot()
    def go_on(self) -> None:
        self._turn(1)

    @Slot()
    def go_back(self) -> None:
        self._turn(-1)

    @Slot()
    def zoom_in(self) -> None:
        self._zoom = min(self._zoom + 1, len(_ZOOMS) - 1)
        self._draw()

    @Slot()
    def zoom_out(self) -> None:
        self._zoom = max(self._zoom - 1, 0)
        self._draw()

    # -- search

    @Slot()
    def _go_to_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    @Slot()
    def _search(self) -> None:
        """The first place of other words, the next place of the same."""
        words, pages = self.search.text().strip(), self._pages
        if not words or pages is None:
            return
        if self._hits and words == self._searched:
            self._show_hit(self._hit + 1)
            return
        self._searched = words
        self.seat.runner.run(
            lambda: pages.search(words), self._take_hits, self._unreadable, owner=self, cancellable=True
        )

    def _take_hits(self, hits: tuple[PageHit, ...]) -> None:
        self._hits = hits
        self.found.say(self.seat.say("pdf.found", count=len(hits)) if hits else self.seat.say("pdf.none_found"))
        self._show_hit(0)

    def _show_hit(self, number: int) -> None:
        if self._hits:
            self._hit = number % len(self._hits)
            self.index = self._hits[self._hit].page
            at = self.seat.say("queue.position", position=self._hit + 1, total=len(self._hits))
            self.found.say(at)
        self._draw()

    @Slot()
    def _leave(self) -> None:
        self.seat.left.emit()
