"""The bars of the home page about drafts (unfinished forms). The buttons of a bar continue or discard its draft."""

from PySide6.QtCore import QObject, Slot

from console.domain.person_state.drafts import Draft
from console.views.pages.base import Page
from console.views.presenters.drafts import continue_draft, format_draft_sentence
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar

_MAX_DRAFT_BARS = 3


class DraftBarList(QObject):
    """Shows one bar on the page for each of the acting person's newest drafts (unfinished forms), at most three."""

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._page, self._context = page, page.context
        self._shown_sentence_by_draft_name: dict[str, str] = {}
        self._context.person_values.loaded.connect(self.show_drafts)

    @Slot()
    def show_drafts(self) -> None:
        """Show a bar for each of the newest stored drafts and remove the other bars. The bar of an unchanged draft
        stays."""
        drafts = self._context.person_values.list_drafts()[-_MAX_DRAFT_BARS:]
        sentence_by_draft_name = {draft.name: format_draft_sentence(draft, self._context) for draft in drafts}
        for name in set(self._shown_sentence_by_draft_name) - {
            name
            for name, sentence in sentence_by_draft_name.items()
            if self._shown_sentence_by_draft_name.get(name) == sentence
        }:
            self._page.hide_bar(name)
            del self._shown_sentence_by_draft_name[name]
        for draft in drafts:
            if draft.name not in self._shown_sentence_by_draft_name:
                self._page.show_bar(
                    draft.name,
                    self._make_draft_bar(draft, sentence_by_draft_name[draft.name]),
                    is_above_contents=True,
                )
                self._shown_sentence_by_draft_name[draft.name] = sentence_by_draft_name[draft.name]

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
