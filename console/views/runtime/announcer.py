"""Announces to screen readers the sentences that the window shows, and stores the newest sentences in a list.

Every bar, toast, dialog and page calls the function `announce` with the sentence that it shows. Only this module
passes announcements to Qt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QApplication, QWidget

from console.views.runtime.routes import RecordPageRoute, Route
from console.views.theme.design_tokens import Tone

_MAX_STORED_ANNOUNCEMENTS = 200
_REFUSAL_ICON_NAMES = ("square_bang", "cross")
_SENTENCE_END_MARKS = (".", "…", "?", "!", ":", "。", "：", "？")


@dataclass(frozen=True, slots=True)
class Announcement:
    """A sentence that the window has shown and announced: its text, icon (name and tone) and instant, and the
    route to the record that the sentence is about (None if it is about no record). `path` is the file that the
    sentence names; "" for none.
    """

    sentence: str
    icon_name: str
    tone: Tone
    at: datetime
    route: RecordPageRoute | None = None
    path: str = ""


class Announcer(QObject):
    """Announces the sentences of one main window to screen readers. `announcements` contains the newest
    _MAX_STORED_ANNOUNCEMENTS sentences that were announced with `is_stored`, the newest first.

    While a cover (the lock or the sign-in form) hides the window, the announcer announces the sentences on the cover
    but doesn't store them. It doesn't announce sentences of the hidden widgets at that time: sentences with
    `is_stored` wait until `announce_waiting_sentences` is called, and the other sentences are lost.

    Signals:
    - announced(object): this Announcement was passed to a screen reader.
    """

    announced = Signal(object)

    def __init__(
        self,
        window: QWidget,
        get_now: Callable[[], datetime],
        find_cover: Callable[[], QWidget | None],
        find_route: Callable[[], Route | None],
    ) -> None:
        """`get_now` returns the present instant. `find_cover` returns the widget that hides the window at present, or
        None. `find_route` returns the route of the visible page; a sentence that is announced without a route gets
        this route.
        """
        super().__init__(window)
        self._window, self._now, self._find_cover, self._find_route = window, get_now, find_cover, find_route
        self._waiting_announcements: list[Announcement] = []
        self.announcements: tuple[Announcement, ...] = ()

    def announce(
        self,
        widget: QWidget,
        sentence: str,
        *,
        icon_name: str,
        tone: Tone,
        route: RecordPageRoute | None,
        is_stored: bool,
        path: str = "",
    ) -> None:
        """Announce the sentence that `widget` shows. If `is_stored` is True, also store it in `announcements`. The
        arguments are those of the function `announce`."""
        page_route, cover = self._find_route(), self._find_cover()
        if route is None and isinstance(page_route, RecordPageRoute):
            route = page_route
        announcement = Announcement(sentence, icon_name, tone, self._now(), route, path)
        if cover is None and is_stored:
            self._announce_and_store_announcement(announcement)
        elif cover is None or cover is widget or cover.isAncestorOf(widget):
            self._send_to_screen_reader(announcement)
        elif is_stored:
            self._waiting_announcements.append(announcement)

    def announce_waiting_sentences(self) -> None:
        """Announce and store the sentences that widgets have shown while the lock or the sign-in form hid the
        window."""
        waiting_announcements, self._waiting_announcements = self._waiting_announcements, []
        for announcement in waiting_announcements:
            self._announce_and_store_announcement(announcement)

    def clear_announcements(self) -> None:
        """Remove all stored sentences, and all sentences that wait to be announced, because another person uses the
        window from now on."""
        self._waiting_announcements, self.announcements = [], ()

    def _announce_and_store_announcement(self, announcement: Announcement) -> None:
        self.announcements = (announcement, *self.announcements[: _MAX_STORED_ANNOUNCEMENTS - 1])
        self._send_to_screen_reader(announcement)

    def _send_to_screen_reader(self, announcement: Announcement) -> None:
        """Pass the announcement's sentence to the screen reader and emit `announced`."""
        active_window = QApplication.activeWindow()
        is_window_active = active_window is not None and _get_main_window(active_window) is self._window
        _send_sentence_to_screen_reader(
            active_window if active_window is not None and is_window_active else self._window,
            announcement.sentence,
            announcement.tone,
            announcement.icon_name,
        )
        self.announced.emit(announcement)


def announce(
    widget: QWidget,
    sentence: str,
    *,
    icon_name: str = "",
    tone: Tone = "text",
    route: RecordPageRoute | None = None,
    is_stored: bool = True,
    path: str = "",
) -> None:
    """Announce to screen readers the sentence that `widget` shows now, and store it in the list of the main window.
    Do nothing for "". A screen reader reads a refusal (recognized by `tone` or `icon_name`) immediately, and any
    other sentence after the sentence that it is reading.

    `route` is the route to the record that the sentence is about; None means the record of the visible page. If
    `is_stored` is False, the sentence isn't stored, for example because it only repeats the text or entry that the
    person has just typed or selected. `path` is the file that the sentence names.
    """
    if not sentence:
        return
    announcer = find_announcer(widget)
    if announcer is not None:
        announcer.announce(
            widget, sentence, icon_name=icon_name, tone=tone, route=route, is_stored=is_stored, path=path
        )
    else:
        _send_sentence_to_screen_reader(widget, sentence, tone, icon_name)


def find_announcer(widget: QWidget) -> Announcer | None:
    """Return the Announcer of the main window to which the widget belongs; None if that window has no Announcer."""
    return _get_main_window(widget).findChild(Announcer, options=Qt.FindChildOption.FindDirectChildrenOnly)


def is_refusal_icon(icon_name: str, tone: Tone) -> bool:
    """Return True if an icon with this name and tone marks a sentence which says that an action was refused or has
    failed."""
    return tone == "bad" or icon_name in _REFUSAL_ICON_NAMES


def join_spoken_text(*texts: str) -> str:
    """Return the texts joined to one text for a screen reader. Each text except the last gets a full stop if it ends
    without punctuation."""
    *earlier_texts, last_text = [text.strip() for text in texts if text.strip()] or [""]
    return "".join(_add_end_mark(text) for text in earlier_texts) + last_text


def _add_end_mark(text: str) -> str:
    """Return the text with a full stop at its end, if it ends without punctuation. A Japanese text may end with a
    number, such as that of a record.
    """
    is_japanese = max(text[0], text[-1]) >= "\u3000"
    text += "" if text.endswith(_SENTENCE_END_MARKS) else "。" if is_japanese else "."
    return text if text[-1] >= "\u3000" else f"{text} "


def _get_main_window(widget: QWidget) -> QWidget:
    window = widget.window()
    while (parent := window.parentWidget()) is not None:
        window = parent.window()
    return window


def _send_sentence_to_screen_reader(widget: QWidget, sentence: str, tone: Tone, icon_name: str) -> None:
    """Pass the sentence to the screen reader. The screen reader reads a refusal immediately, and any other sentence
    after the sentence that it is reading."""
    event = QAccessibleAnnouncementEvent(widget, sentence)
    politeness = QAccessible.AnnouncementPoliteness
    event.setPoliteness(politeness.Assertive if is_refusal_icon(icon_name, tone) else politeness.Polite)
    QAccessible.updateAccessibility(event)
