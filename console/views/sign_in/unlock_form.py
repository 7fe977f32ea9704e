"""The form of a locked window. It shows the name of the acting person, and unlocks the window."""

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Signal

from console.domain.errors import ErrorCode
from console.domain.records import Person
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure
from console.views.sign_in.form_parts import PasswordForm
from console.views.widgets.base import TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import LinkButton
from console.views.widgets.controls.inputs import DropDownList


class UnlockForm(PasswordForm):
    """The form that unlocks a window. If the database is a database server, the person must type the password. A
    database without accounts has no passwords; the form can then offer to continue as another person.

    Signals:
    - submitted(object): the password; "" for a database without accounts.
    - other_person_requested: another person wants to sign in.
    """

    other_person_requested = Signal()

    def __init__(
        self, context: WindowContext, locked_since: datetime, *, needs_password: bool, people: Sequence[Person] = ()
    ) -> None:
        """`locked_since` is the instant at which the window was locked. If `needs_password` is True, the person must
        type the password. `people` are the people who may continue; the form lets the person at the window select one
        of them. `people` is empty if only the acting person can continue.
        """
        super().__init__(context, "lock.title", "lock.act")
        self.needs_password, translate = needs_password, context.translate
        self.person_list = DropDownList(translate("lock.who"))
        for person in people:
            self.person_list.addItem(
                translate("menu.person_line", name=person.name, roles=sorted(person.roles)), person.name
            )
        self.select_person(context.operator)
        self.other_person_link = LinkButton(translate("lock.other"))
        self.other_person_link.clicked.connect(self.other_person_requested)
        self._input_widgets += [self.person_list, self.other_person_link]
        self._build_layout(locked_since, can_choose_person=bool(people))

    def select_person(self, person: str | None) -> None:
        """Select this person in the list of the people who may continue, or the first one if the list lacks them."""
        self.person_list.setCurrentIndex(max(0, self.person_list.findData(person)))

    def _build_layout(self, locked_since: datetime, *, can_choose_person: bool) -> None:
        translate, shown_name = (
            self._context.translate,
            self._context.operator or self._context.translate("person.nobody"),
        )
        locked_since_label = TextLabel(translate("lock.since", at=locked_since), "small", "muted", wraps_lines=True)
        heading = make_column(TextLabel(translate("lock.title"), "title"), locked_since_label, gap_px=2)
        person_name = make_column(
            TextLabel(translate("lock.who"), "small", "muted"), TextLabel(shown_name, is_bold=True), gap_px=2
        )
        person_choice = make_column(TextLabel(translate("lock.who"), "small", "muted"), self.person_list, gap_px=4)
        no_password_label = TextLabel(translate("lock.no_password"), "small", "muted", wraps_lines=True)
        other_person_label = TextLabel(translate("lock.other.words"), "small", "muted", wraps_lines=True)
        self.other_person_link.setAccessibleDescription(other_person_label.plain)
        action_area = (
            make_column(make_row(self.other_person_link, None, self.submit_button), other_person_label, gap_px=4)
            if self.needs_password
            else make_row(None, self.submit_button)
        )
        password_area = self.password_field if self.needs_password else no_password_label
        self.setLayout(
            make_column(
                heading,
                self._message_area,
                person_choice if can_choose_person else person_name,
                password_area,
                action_area,
                gap_px=16,
            )
        )
        if not self.needs_password:
            self.password_field.setParent(self)
            self.password_field.hide()
            self.other_person_link.setParent(self)
            self.other_person_link.hide()
        if not can_choose_person:
            self.person_list.setParent(self)
            self.person_list.hide()

    def focus_first_input(self) -> None:
        first_widget = self.password_field.line_edit if self.needs_password else self.submit_button
        first_widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def _read_input(self) -> str | None:
        """Return the typed password; "" if this form needs none. If a needed password is missing, show an error at
        the field and return None.
        """
        password = self.password_field.text() if self.needs_password else ""
        is_missing = self.needs_password and not password
        self.password_field.show_error(self._context.translate("sign_in.password_needed") if is_missing else "")
        return None if is_missing else password

    def show_failure(self, failure: Failure | None) -> None:
        """Enable the form again, and show the message of `failure`, because of which the password could not be
        checked. If `failure` is None, show that the password was wrong."""
        translate = self._context.translate
        if failure is None:
            self._message_area.show_message(
                translate("lock.wrong"), translate("lock.wrong.words"), "bad", "square_bang"
            )
        elif failure.code == ErrorCode.DATABASE_UNREACHABLE:
            self._message_area.show_message(translate("sign_in.away"), translate("lock.away"), "text", "offline")
        else:
            self._message_area.show_message(
                translate("lock.unknown"), self._context.format_failure(failure), "bad", "square_bang"
            )
        self._enable_again(is_password_wrong=failure is None)
        self.focus_first_input()
