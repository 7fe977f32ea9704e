"""The dialog in which a person switches notifications on or off, with one check box for each kind of event."""

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.domain.notifications.events import PersonalEventKind
from console.views.notifications.switches import is_notification_on, store_notification_switch
from console.views.runtime.context import WindowContext
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.controls.inputs import CheckBox
from console.views.widgets.window.dialog import DialogFrame


class NotificationsDialog(DialogFrame):
    """The dialog in which the person switches each kind of notification on or off; each change is stored
    immediately. The dialog also says whether this desktop shows messages outside the window (`has_desktop`)."""

    def __init__(self, context: WindowContext, parent: QWidget, *, has_desktop: bool) -> None:
        translate = context.translate
        super().__init__(
            translate("dialog.notifications.title"),
            translate("dialog.notifications.subtitle"),
            cancel_text=translate("action.close"),
            close_name=translate("action.close"),
            parent=parent,
        )
        self._context = context
        self.check_box_by_kind = {
            kind: CheckBox(translate(f"notification.kind.{kind}")) for kind in PersonalEventKind
        }
        lines = QVBoxLayout()
        lines.setSpacing(6)
        for kind, box in self.check_box_by_kind.items():
            box.setChecked(is_notification_on(context.preferences, kind))
            box.checkStateChanged.connect(partial(self._store_switch, kind))
            lines.addWidget(box)
        where_shown_key = "desktop" if has_desktop else "window"
        self.where_shown_label = TextLabel(
            translate(f"dialog.notifications.{where_shown_key}"), "small", "muted", wraps_lines=True
        )
        content = QWidget()
        content.setLayout(make_column(lines, self.where_shown_label, gap_px=12))
        self.show_content(content)

    def find_first_focus(self) -> QWidget:
        return self.check_box_by_kind[PersonalEventKind.APPROVAL_NEEDED]

    def _store_switch(self, kind: PersonalEventKind, state: Qt.CheckState) -> None:
        store_notification_switch(self._context.preferences, kind, is_on=state == Qt.CheckState.Checked)
