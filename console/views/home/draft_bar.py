"""The bar of the home page about drafts (unfinished forms). Its buttons continue or discard the newest draft."""

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QWidget

from console.domain.person_state.drafts import Draft
from console.views.pages.base import Page
from console.views.presenters.drafts import continue_draft, format_draft_sentence
from console.views.widgets.base import make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar

_BAR_NAME = "drafts"


class DraftBar(QObject):
    """Shows one bar on the page about the acting person's newest draft (unfinished form). If there are more drafts,
    the bar has their number and a button that lists the work left open, with all drafts. It is one bar, so that the
    drafts don't move the contents of the page out of the window."""

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._page, self._context = page, page.context
        self._shown: tuple[str, str] | None = None  # the name of the newest draft and the sentence of the bar
        self._continue_button: KeyButton | None = None
        self._context.person_values.loaded.connect(self.show_drafts)
        self._context.person_values.changed_elsewhere.connect(self.show_drafts)

    @Slot()
    def show_drafts(self) -> None:
        """Show the bar about the stored drafts, or remove it if there are none. If the bar already shows the same
        draft with the same text, leave it in place."""
        drafts = self._context.person_values.list_drafts()
        sentence = self._format_sentence(drafts[-1], len(drafts) - 1) if drafts else ""
        shown = (drafts[-1].name, sentence) if drafts else None
        if shown == self._shown:
            return
        self._shown = shown
        self._page.hide_bar(_BAR_NAME)
        if drafts:
            bar = self._make_bar(drafts[-1], sentence, has_more=len(drafts) > 1)
            self._page.show_bar(_BAR_NAME, bar, is_above_contents=True)

    def _format_sentence(self, draft: Draft, more_count: int) -> str:
        sentence = format_draft_sentence(draft, self._context)
        return self._context.translate("draft.more", draft=sentence, n=more_count) if more_count else sentence

    def _make_bar(self, draft: Draft, sentence: str, *, has_more: bool) -> NotificationBar:
        translate = self._context.translate
        self._continue_button = KeyButton(translate("draft.continue"), kind="inline")
        buttons = [(self._continue_button, self._continue_draft)]
        buttons.append((KeyButton(translate("draft.discard"), kind="inline"), self._discard_draft))
        if has_more:
            buttons.append((KeyButton(translate("draft.list"), kind="inline"), self._list_drafts))
        for button, act in buttons:
            button.setProperty("draft", draft.name)
            button.setAccessibleDescription(sentence)
            button.clicked.connect(act)
        other_buttons = QWidget()
        other_buttons.setLayout(make_row(*(button for button, _act in buttons[1:]), gap_px=8))
        return NotificationBar(
            translate("home.unfinished"),
            sentence,
            tone="progress",
            icon_name="clock",
            button=self._continue_button,
            second_button=other_buttons,
        )

    @Slot()
    def _continue_draft(self) -> None:
        draft = self._context.person_values.find_draft(str(self.sender().property("draft")))
        if draft is None:
            self.show_drafts()
            return
        continue_draft(draft, self._context)

    @Slot()
    def _discard_draft(self) -> None:
        """Discard the draft. If the bar is about another draft then, its button Continue gets the focus, because the
        pressed button doesn't exist any more, and a second press must not discard another draft."""
        self._context.person_values.store(str(self.sender().property("draft")), None)
        self.show_drafts()
        QTimer.singleShot(0, self, self._focus_continue_button)  # after Qt has shown the bar

    @Slot()
    def _focus_continue_button(self) -> None:
        if self._shown is not None and self._continue_button is not None:
            self._continue_button.setFocus(Qt.FocusReason.TabFocusReason)

    @Slot()
    def _list_drafts(self) -> None:
        self._context.command_requested.emit("left_open")
