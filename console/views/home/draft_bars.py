"""The bars of the home page about drafts (unfinished forms). The buttons of a bar continue or discard its draft."""

from PySide6.QtCore import QObject, Signal, Slot

from console.domain.person_state.drafts import Draft
from console.views.pages.base import Page
from console.views.presenters.drafts import continue_draft, format_draft_sentence
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar

_MAX_DRAFT_BARS = 3
_MORE_DRAFTS_BAR_NAME = "more_drafts"


class DraftBarList(QObject):
    """Shows one bar on the page for each of the acting person's newest drafts (unfinished forms), at most three. If
    there are more, a last bar has their number and a button that lists the work left open, with all drafts.

    Signals:
    - bars_added: bars were added below the other bars of the page.
    """

    bars_added = Signal()

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._page, self._context = page, page.context
        self._shown_sentence_by_draft_name: dict[str, str] = {}
        self._hidden_draft_count = 0
        self._context.person_values.loaded.connect(self.show_drafts)
        self._context.person_values.changed_elsewhere.connect(self.show_drafts)

    @Slot()
    def show_drafts(self) -> None:
        """Show a bar for each of the newest stored drafts and remove the other bars. The bar of an unchanged draft
        stays."""
        all_drafts = self._context.person_values.list_drafts()
        drafts = all_drafts[-_MAX_DRAFT_BARS:]
        sentence_by_draft_name = {draft.name: format_draft_sentence(draft, self._context) for draft in drafts}
        for name in set(self._shown_sentence_by_draft_name) - {
            name
            for name, sentence in sentence_by_draft_name.items()
            if self._shown_sentence_by_draft_name.get(name) == sentence
        }:
            self._page.hide_bar(name)
            del self._shown_sentence_by_draft_name[name]
        new_drafts = [draft for draft in drafts if draft.name not in self._shown_sentence_by_draft_name]
        if new_drafts:
            self._show_hidden_draft_count(0)  # that bar stays the last one
        for draft in new_drafts:
            sentence = sentence_by_draft_name[draft.name]
            self._page.show_bar(draft.name, self._make_draft_bar(draft, sentence), is_above_contents=True)
            self._shown_sentence_by_draft_name[draft.name] = sentence
        had_last_bar = self._hidden_draft_count > 0
        self._show_hidden_draft_count(len(all_drafts) - len(drafts))
        if new_drafts or (self._hidden_draft_count and not had_last_bar):
            self.bars_added.emit()

    def _show_hidden_draft_count(self, count: int) -> None:
        """Show a last bar, below the other bars, with the number of the drafts that have no bar of their own. If
        there are no such drafts, show no last bar."""
        if count == self._hidden_draft_count:
            return
        self._hidden_draft_count = count
        self._page.hide_bar(_MORE_DRAFTS_BAR_NAME)
        if count == 0:
            return
        translate = self._context.translate
        list_button = KeyButton(translate("draft.list"), kind="inline")
        list_button.clicked.connect(self._list_drafts)
        bar = NotificationBar(
            translate("home.unfinished"),
            translate("draft.more", n=count),
            tone="progress",
            icon_name="clock",
            button=list_button,
        )
        self._page.show_bar(_MORE_DRAFTS_BAR_NAME, bar, is_above_contents=True)

    def _make_draft_bar(self, draft: Draft, sentence: str) -> NotificationBar:
        translate = self._context.translate
        continue_button = KeyButton(translate("draft.continue"), kind="inline")
        discard_button = KeyButton(translate("draft.discard"), kind="inline")
        for button, act in ((continue_button, self._continue_draft), (discard_button, self._discard_draft)):
            button.setProperty("draft", draft.name)
            button.setAccessibleDescription(sentence)  # each draft has two buttons with these names
            button.clicked.connect(act)
        return NotificationBar(
            translate("home.unfinished"),
            sentence,
            tone="progress",
            icon_name="clock",
            button=continue_button,
            second_button=discard_button,
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
        self._context.person_values.store(str(self.sender().property("draft")), None)
        self.show_drafts()

    @Slot()
    def _list_drafts(self) -> None:
        self._context.command_requested.emit("left_open")
