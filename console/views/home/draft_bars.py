"""The bars of the home page about drafts: each can be continued or discarded."""

from PySide6.QtCore import QObject, Slot

from console.views.pages.base import Page
from console.views.runtime.person_state import Draft
from console.views.runtime.routes import ApprovalsRoute, LookupRoute, OperationRoute, Route, route_to
from console.views.widgets.buttons import KeyButton
from console.views.widgets.notification_bars import Bar
from console.wording import catalogue as wording

_MAX_BARS = 3
_RECORD_KINDS = ("credit-check", "payment", "order", "refund")


class DraftBars(QObject):
    """Shows one bar for each of the acting person's newest drafts on a page."""

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._page, self._context = page, page.context
        self._shown: dict[str, str] = {}
        self._context.own_state.loaded.connect(self.show_drafts)

    @Slot()
    def show_drafts(self) -> None:
        """Show the bars of the present drafts. The bar of an unchanged draft stays."""
        drafts = self._context.own_state.drafts()[-_MAX_BARS:]
        words_by_name = {draft.name: _draft_text(self._page, draft) for draft in drafts}
        for name in set(self._shown) - {
            name for name, words in words_by_name.items() if self._shown.get(name) == words
        }:
            self._page.hide_bar(name)
            del self._shown[name]
        for draft in drafts:
            if draft.name not in self._shown:
                self._page.show_bar(draft.name, self._make_bar(draft, words_by_name[draft.name]), above=True)
                self._shown[draft.name] = words_by_name[draft.name]

    def _make_bar(self, draft: Draft, words: str) -> Bar:
        translate = self._context.translate
        go_on = KeyButton(translate("draft.continue"), kind="inline")
        discard = KeyButton(translate("draft.discard"), kind="inline")
        for button, act in ((go_on, self._continue_draft), (discard, self._discard_draft)):
            button.setProperty("draft", draft.name)
            button.clicked.connect(act)
        return Bar(translate("home.unfinished"), words, tone="progress", shape="clock", button=go_on, second=discard)

    @Slot()
    def _continue_draft(self) -> None:
        draft = self._context.own_state.find_draft(str(self.sender().property("draft")))
        if draft is None:
            self.show_drafts()
            return
        name, _, kind = draft.kind.partition("-")
        kind = "payment" if name == "refund" else kind
        if kind in _RECORD_KINDS and draft.subject.isdecimal():
            self._context.request_action(kind, int(draft.subject), name)
        self._context.navigate(_route_of(draft, kind))

    @Slot()
    def _discard_draft(self) -> None:
        self._context.own_state.store(str(self.sender().property("draft")), None)
        self.show_drafts()


def _route_of(draft: Draft, kind: str) -> Route:
    """Return the route of the page on which the person continues the draft."""
    if draft.kind == "purchase":
        return LookupRoute(draft.subject, buy=True)
    if draft.kind == "reject":
        return ApprovalsRoute(int(draft.subject))
    if kind in _RECORD_KINDS:
        return route_to(kind, int(draft.subject), (), "home")
    return OperationRoute(draft.subject)


def _draft_text(page: Page, draft: Draft) -> str:
    context = page.context
    return context.translate(
        "draft.line",
        what=context.translate(f"draft.kind.{draft.kind.partition('-')[0]}"),
        title=draft.title,
        stage=draft.stage,
        at=wording.format_instant(draft.at, "short"),
    )
