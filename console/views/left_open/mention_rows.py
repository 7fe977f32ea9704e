"""The rows of the table with notes that mention the acting person, and the button that marks a mention as done."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.annotations.mentions import Mention
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.presenters import credit_checks as words
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import RecordPageRoute, make_route_to_record
from console.views.runtime.tasks import Failure
from console.views.tables.columns import Column
from console.views.widgets.base import make_row
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel
from console.wording.sentences import catalogue as wording

MENTION_DONE_SHORTCUT = "D"


def make_mention_columns(context: WindowContext, name_record: Callable[[str, str], str]) -> list[Column]:
    """Return the columns of the table with mentions: record, note, source of the mention (a note or a hand-over),
    author and time. `name_record(kind, id)` returns the text that names a record, such as its kind and its number."""
    translate = context.translate

    def format_record(mention: Mention) -> str:
        return name_record(mention.note.kind, str(mention.note.subject_id))

    return [
        Column("record", translate("column.record"), 160, format_record, "data"),
        Column("note", translate("column.note"), 300, format_note_in_one_line, is_stretched=True),
        Column("how", translate("column.how"), 104, lambda mention: translate(f"mention.how.{mention.source}")),
        Column(
            "who", translate("column.author"), 104, lambda mention: words.get_actor_name(mention.note.person, context)
        ),
        Column(
            "since",
            translate("column.when"),
            128,
            lambda mention: wording.format_short_instant(mention.at, context.now()),
            "data",
        ),
    ]


def format_note_in_one_line(mention: Mention) -> str:
    """Return the text of the mention's note in one line."""
    return " ".join(mention.note.words.split())


def make_mention_route(mention: Mention) -> RecordPageRoute:
    """Return the route to the page of the record that has the note."""
    return make_route_to_record(mention.note.kind, mention.note.subject_id)


class MentionDoneButton(QWidget):
    """The button that marks the selected mention as done. While the button is disabled, a label beside it shows the
    reason. If the service refuses to mark the mention, the button calls `show_refusal` with the text that names
    the record and with the failure.
    `name_record(kind, id)` returns the text that names a record in messages.

    Signals:
    - mention_done: the person has marked the mention as done.
    """

    mention_done = Signal()

    def __init__(
        self,
        context: WindowContext,
        show_refusal: Callable[[str, Failure], None],
        name_record: Callable[[str, str], str],
    ) -> None:
        super().__init__()
        self._context, self._show_refusal, self._name_record = context, show_refusal, name_record
        self._mention: Mention | None = None
        self.done_button = block_button_while_read_only(
            context, KeyButton(context.translate("action.mention_done"), MENTION_DONE_SHORTCUT, kind="tool"), "note"
        )
        self.done_button.acts_on_double_click = False  # the second click would end the next row's mention
        self.done_button.clicked.connect(self._mark_done)
        self.setLayout(make_row(self.done_button, ReasonLabel(self.done_button, self), None))

    def update_for_row(self, row: object) -> None:
        """Enable the button if `row`, the selected row of the table (None for no row), is a mention and the acting
        person has the right `note`; otherwise disable the button with the reason."""
        self._mention = row if isinstance(row, Mention) else None
        reason = self._context.find_missing_right_reason("note") or (
            "" if self._mention else self._context.translate("reason.mention_choose")
        )
        if reason:
            self.done_button.disable_with_reason(reason)
        else:
            self.done_button.enable_button()

    @Slot()
    def _mark_done(self) -> None:
        if self._mention is None:
            return
        context, id, title = self._context, self._mention.id, self._name_record_of(self._mention)
        context.run_acting_call(
            lambda services, request_id: services.mentions.mark_done(id, request_id=request_id),
            self._show_done_toast,
            partial(self._show_refusal, title),
            caller=self,
            label=context.translate("act.about", title=title, message=context.translate("action.mention_done")),
            make_toast=self._make_done_toast,
            attempt=("mention done", id),
            key=("mention", id),
            provider="",
        )

    def _name_record_of(self, mention: Mention) -> str:
        return self._name_record(mention.note.kind, str(mention.note.subject_id))

    def _make_done_toast(self, mention: Mention) -> Toast:
        sentence, route = self._context.translate("mention.done_toast"), make_mention_route(mention)
        return Toast(sentence, route=route, subject_title=self._name_record_of(mention))

    def _show_done_toast(self, mention: Mention) -> None:
        self._context.toast_requested.emit(self._make_done_toast(mention))
        self.mention_done.emit()
