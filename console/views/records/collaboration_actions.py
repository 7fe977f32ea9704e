"""The actions with which people share the work on records: take a record, give it back, hand it over, and write
notes."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject

from console.domain.access.permissions import is_same_person
from console.domain.tasks.records import Note, Take
from console.views.presenters import credit_checks as record_words
from console.views.presenters.credit_check_view import format_time_in_column
from console.views.presenters.takes import make_give_back_toast, make_take_toast
from console.views.records.actions import RecordActionHandlers
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordPageRoute, make_route_to_record
from console.views.timelines.timeline_line import TimelineLine
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences import catalogue as wording

COLLABORATION_ACTIONS = ("take", "note")
_SHORTCUTS_AND_ACTIONS = (("T", "take"), ("N", "note"))
COLLABORATION_KEY_HINTS = (
    (("T",), "key.take"),
    (("Shift+T",), "key.give_back"),
    (("H",), "key.hand_over"),
    (("N",), "key.note"),
)
GIVE_BACK_SHORTCUT = "Shift+T"
SHORTCUT_BY_OWN_TAKE_ACTION = {"give_back": GIVE_BACK_SHORTCUT, "hand_over": "H"}
_TAKE_BAR_NAME = "taken"


class CollaborationActions(QObject):
    """The actions of one page with which people share the work on records: take a record, write a note, give their
    own take back, hand the record over. If a service refuses an action, a bar of the page shows the reason."""

    def __init__(
        self, context: WindowContext, action_handlers: RecordActionHandlers, press_button: Callable[[str], None]
    ) -> None:
        """`action_handlers` is the object that runs the other actions of the page, such as `probe`. `press_button` is
        called with the name of an action when the person types the shortcut of the action; it must do the same as a
        click on the action's button."""
        super().__init__(action_handlers)
        self._context, self._action_handlers = context, action_handlers
        for keys, name in _SHORTCUTS_AND_ACTIONS:
            action_handlers.page.bind_shortcut(keys, partial(press_button, name))

    def run_action_if_supported(self, name: str, kind: str, id: int, record_title: str) -> bool:
        """Run the action `name` on the record with this kind and id, and return True. Return False if `name` is
        neither `take` nor `note`. `record_title` is the title of the record in messages.
        """
        if name == "take":
            self.take_record(kind, id, record_title)
        elif name == "note":
            self.open_note_dialog(kind, id)
        return name in COLLABORATION_ACTIONS

    def take_record(self, kind: str, id: int, record_title: str) -> None:
        """Take the record for the acting person, without a confirmation, because a take blocks no other person: it
        only shows the name of the person who works on the record. `record_title` is the title of the record in
        messages."""
        context = self._context
        context.run_acting_call(
            lambda services, request_id: services.recovery.take(kind, id, request_id=request_id),
            partial(self._show_take_result, record_title),
            partial(self._action_handlers.show_refusal_about_record, (kind, id), record_title),
            caller=self,
            label=context.translate("act.about", title=record_title, message=context.translate("action.take")),
            make_toast=lambda taken: make_take_toast(context, taken, record_title),
            attempt=("take", kind, id),
            key=(kind, id),
            provider="",
        )

    def _show_take_result(self, record_title: str, take: Take) -> None:
        self._context.toast_requested.emit(make_take_toast(self._context, take, record_title))
        self._action_handlers.page.refresh("taken")

    def give_back_record(self, kind: str, id: int, record_title: str) -> None:
        """End the acting person's own take of the record. `record_title` is the title of the record in messages."""
        context, route = self._context, make_route_to_record(kind, id)
        context.run_acting_call(
            lambda services, request_id: services.recovery.give_up_take(kind, id, request_id=request_id),
            partial(self._show_give_back_toast, record_title, route),
            partial(self._action_handlers.show_refusal_about_record, (kind, id), record_title),
            caller=self,
            label=context.translate("act.about", title=record_title, message=context.translate("action.give_back")),
            make_toast=lambda was_taken: make_give_back_toast(context, record_title, route, was_taken=was_taken),
            attempt=("give up", kind, id),
            key=(kind, id),
            provider="",
        )

    def _show_give_back_toast(self, record_title: str, route: RecordPageRoute, was_taken: bool) -> None:
        toast = make_give_back_toast(self._context, record_title, route, was_taken=was_taken)
        self._context.toast_requested.emit(toast)
        self._action_handlers.page.refresh("taken")

    def open_hand_over_dialog(self, kind: str, id: int) -> None:
        """Open the dialog in which the acting person ends their own take of the record and writes a note for the
        next person."""
        from console.views.records.note_dialog import HandOverDialog

        dialog = HandOverDialog(self._context, kind, id, self._action_handlers.page.window())
        dialog.answered.connect(self._refresh_after_note)
        dialog.open()

    def run_action_on_own_take(self, name: str, own_take: Take | None, record_title: str) -> None:
        """Run the action `name` (`give_back` or `hand_over`) on the record of this take, which has the title
        `record_title`. If the take is None or another person's, or if the person can't use the right `take` at
        present, show the refusal in a bar."""
        if own_take is None or not is_same_person(own_take.person, self._context.operator or ""):
            self._action_handlers.page.show_key_refusal(self._context.translate("reason.not_your_take"))
        elif not self._action_handlers.refuse_if_right_missing("take"):
            if name == "hand_over":
                self.open_hand_over_dialog(own_take.kind, own_take.subject_id)
            else:
                self.give_back_record(own_take.kind, own_take.subject_id, record_title)

    def open_note_dialog(self, kind: str, id: int) -> None:
        from console.views.records.note_dialog import NoteDialog

        dialog = NoteDialog(self._context, kind, id, self._action_handlers.page.window())
        dialog.answered.connect(self._refresh_after_note)
        dialog.open()

    def _refresh_after_note(self) -> None:
        self._action_handlers.page.refresh("noted")

    def find_taken_by_other_reason(self, take: Take | None) -> str:
        """Return the reason why the acting person can't take the record of this take: another person has the take,
        and the take hasn't ended. Return "" for None, and for the person's own take, because the person can extend
        it."""
        context = self._context
        is_own = take is not None and is_same_person(take.person, context.operator or "")
        if take is None or is_own or take.until <= context.now():
            return ""
        holder_name = record_words.get_actor_name(take.person, context)
        return context.translate("reason.taken", holder=holder_name, until=take.until)

    def is_own_take(self, take: Take | None) -> bool:
        """Return True if the acting person has taken the record of this take, and the take hasn't ended."""
        if take is None or take.until <= self._context.now():
            return False
        return is_same_person(take.person, self._context.operator or "")

    def show_take(self, take: Take | None, record_title: str) -> None:
        """Show a bar with the person who has taken the record and the end of the take; hide the bar if the record
        isn't taken (None). `record_title` is the title of the record in messages."""
        page, context = self._action_handlers.page, self._context
        if take is None:
            page.hide_bar(_TAKE_BAR_NAME)
            return
        is_own = is_same_person(take.person, context.operator or "")
        key = "record.taken_by_you" if is_own else "record.taken_by"
        text = context.translate(key, who=record_words.get_actor_name(take.person, context), until=take.until)
        buttons: list[KeyButton | None] = [None, None]
        if is_own:  # the page binds the keys, so that it can show a refusal while nothing is taken
            for position, (name, key) in enumerate(SHORTCUT_BY_OWN_TAKE_ACTION.items()):
                button = buttons[position] = KeyButton(
                    context.translate(f"action.{name}"), key, "inline", binds_key=False
                )
                button.clicked.connect(partial(self.run_action_on_own_take, name, take, record_title))
        bar = NotificationBar(
            "",
            text,
            tone="progress",
            icon_name="person",
            button=buttons[0],
            second_button=buttons[1],
            is_announced=not is_own,
        )  # a toast announces the person's own take
        page.show_state_bar(_TAKE_BAR_NAME, bar)


def make_note_lines(notes: tuple[Note, ...], context: WindowContext) -> list[TimelineLine]:
    """Return the lines in which a timeline shows the notes on a record, the newest note first."""
    return [_make_note_line(note, context) for note in reversed(notes)]


def _make_note_line(note: Note, context: WindowContext) -> TimelineLine:
    written_at, author_name = note.at, record_words.get_actor_name(note.person, context)
    return TimelineLine(
        format_time_in_column(written_at, context),
        wording.format_instant(written_at),
        "person",
        "muted",
        author_name,
        note.words,
    )
