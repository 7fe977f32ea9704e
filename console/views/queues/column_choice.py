"""The columns of a queue's table that a person has chosen, and their order. The choice is stored as a preference of
the person for each queue. While the page shows a saved view, it uses the columns of the view instead."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import shiboken6
from PySide6.QtCore import QObject, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHeaderView, QMenu, QVBoxLayout, QWidget

from console.views.pages.fitted_table import FittedTable
from console.views.queues import rows as queue_rows
from console.views.runtime.announcer import announce
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column
from console.views.tables.record_table import RecordTable
from console.views.widgets.base import TextLabel, make_column, make_row, set_visible_in_parent
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.inputs import CheckBox
from console.views.widgets.window.dialog import DialogFrame

MOVE_COLUMN_UP_SHORTCUT = "Alt+Up"
MOVE_COLUMN_DOWN_SHORTCUT = "Alt+Down"
_KEY_CAP_BY_SHORTCUT = {MOVE_COLUMN_UP_SHORTCUT: "Alt+↑", MOVE_COLUMN_DOWN_SHORTCUT: "Alt+↓"}
_QUEUE_COLUMNS_PREFERENCE = "shown_columns.queues"


def arrange_columns(columns: Sequence[Column], keys: Sequence[str]) -> list[Column]:
    """Return the column of check boxes, followed by the columns with these keys in the order of `keys`. If none of
    the keys is a key of a column, return the default columns."""
    by_key = {column.key: column for column in columns if column.kind != "check"}
    chosen_columns = [by_key[key] for key in dict.fromkeys(keys) if key in by_key]
    default_columns = [column for column in by_key.values() if not column.is_optional]
    return [column for column in columns if column.kind == "check"] + (chosen_columns or default_columns)


class ColumnChoice(QObject):
    """Stores the columns that a person has chosen for the table of each queue, and changes the choice through the
    column titles, a menu and a dialog.

    Signals:
    - changed(str): the chosen columns of this queue have changed ("" for all queues), so the page must build the
      tables of the queue again.
    """

    changed = Signal(str)

    def __init__(
        self,
        context: WindowContext,
        page: QWidget,
        get_queue_name: Callable[[], str],
        get_table: Callable[[], FittedTable],
    ) -> None:
        """`page` is the page of the queues; `get_queue_name` returns the name of the queue that the page shows, and
        `get_table` its table."""
        super().__init__(page)
        self._context, self._page, self._queue = context, page, get_queue_name
        self._get_table = get_table
        self._view_column_keys: tuple[str, ...] | None = None
        context.preferences.loaded.connect(self._emit_columns_changed)

    def get_chosen_column_keys(self, queue: str) -> tuple[str, ...]:
        """Return the keys of the chosen columns of a queue in their order; empty if the person has chosen none, so
        that the table has its default columns. While the page shows a saved view, return the keys of the view's
        columns, also those of unknown columns."""
        if self._view_column_keys is not None:
            return self._view_column_keys
        stored_keys = self._context.preferences.get_value(f"{_QUEUE_COLUMNS_PREFERENCE}.{queue}")
        known_keys = {column.key for column in self._make_queue_columns(queue)}
        if not isinstance(stored_keys, list):
            return ()
        return tuple(dict.fromkeys(key for key in stored_keys if isinstance(key, str) and key in known_keys))

    def show_view_columns(self, keys: Sequence[str] | None) -> None:
        """Use the columns with these keys while the page shows a saved view. If `keys` is None, use the person's own
        choice again."""
        view_column_keys = None if keys is None else tuple(keys)
        if view_column_keys != self._view_column_keys:
            self._view_column_keys = view_column_keys
            self.changed.emit("")

    def find_unknown_column_keys(self, queue: str, keys: Sequence[str]) -> tuple[str, ...]:
        """Return the keys in `keys` that belong to no column of the queue."""
        known_keys = {column.key for column in self._make_queue_columns(queue)}
        return tuple(key for key in keys if key not in known_keys)

    def choose_columns(self, queue: str, keys: Sequence[str]) -> None:
        """Show the columns with these keys in this order; empty `keys` mean the default columns. While the page
        shows a saved view, the choice isn't stored as a preference: it is used until the person opens another
        view or saves this one.
        """
        if tuple(keys) == self.get_chosen_column_keys(queue):
            return
        if self._view_column_keys is not None:
            self._view_column_keys = tuple(keys)
        else:
            self._context.preferences.store(f"{_QUEUE_COLUMNS_PREFERENCE}.{queue}", list(keys) or None)
        if shiboken6.isValid(self):  # the page may have been built again while its dialog was open
            self.changed.emit(queue)

    @Slot()
    def _emit_columns_changed(self) -> None:
        self.changed.emit("")

    def _make_queue_columns(self, queue: str) -> list[Column]:
        columns = queue_rows.make_queue_columns(self._context, queue, is_grouped=False)
        return [column for column in columns if column.kind != "check"]

    def _list_shown_column_keys(self, queue: str) -> list[str]:
        return [
            column.key
            for column in arrange_columns(self._make_queue_columns(queue), self.get_chosen_column_keys(queue))
        ]

    def _list_titles_without_room(self) -> list[str]:
        """Return the titles of the chosen columns that the table has hidden because it is too narrow."""
        table = self._get_table()
        return [
            column.title
            for index, column in enumerate(table.rows.columns)
            if table.isColumnHidden(index) and column.key not in table.hidden_keys
        ]

    # -- header

    def bind_header(self, table: RecordTable) -> None:
        """Let the person drag the titles of a table's columns (except the first) to other positions, and open the
        menu of the columns by a right click on a title."""
        header = table.horizontalHeader()
        header.setSectionsMovable(True)
        header.setFirstSectionMovable(False)
        header.sectionMoved.connect(partial(self._store_dragged_column_order, table))
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(partial(self._open_menu, header))

    def _store_dragged_column_order(self, table: RecordTable, *_places: int) -> None:
        """Store the order of the table's columns as the person's choice, after the person has dragged a title.
        `_places` are the arguments of Qt's signal `sectionMoved`, which aren't used."""
        header, columns = table.horizontalHeader(), table.rows.columns
        order = [columns[header.logicalIndex(visual_index)] for visual_index in range(header.count())]
        keys = [column.key for column in order if column.kind != "check"]
        # The header must end the drag before its table is built again.
        QTimer.singleShot(0, self, lambda: self.choose_columns(self._queue(), keys))

    def _open_menu(self, header: QHeaderView, position: QPoint) -> None:
        self.build_menu().popup(header.mapToGlobal(position))

    def build_menu(self) -> QMenu:
        """Build and return the menu of the column titles: an entry to show or hide each column, an entry that
        opens the ColumnsDialog, and an entry for the default columns."""
        queue, menu = self._queue(), QMenu(self._page)
        menu.setAccessibleName(self._context.translate("dialog.columns.title"))
        menu.aboutToHide.connect(menu.deleteLater)
        shown_keys = self._list_shown_column_keys(queue)
        for column in self._make_queue_columns(queue):
            entry = menu.addAction(column.title)
            entry.setCheckable(True)
            entry.setChecked(column.key in shown_keys)
            entry.setEnabled(shown_keys != [column.key])
            entry.triggered.connect(partial(self._toggle_column, column.key))
        menu.addSeparator()
        menu.addAction(self._context.translate("view.columns")).triggered.connect(self.open_dialog)
        menu.addAction(self._context.translate("view.usual_columns")).triggered.connect(self.show_default_columns)
        return menu

    def _toggle_column(self, key: str) -> None:
        queue = self._queue()
        shown_keys = self._list_shown_column_keys(queue)
        self.choose_columns(
            queue,
            [shown_key for shown_key in shown_keys if shown_key != key] if key in shown_keys else [*shown_keys, key],
        )

    @Slot()
    def show_default_columns(self) -> None:
        """Show the default columns of the queue that the page shows."""
        self.choose_columns(self._queue(), ())

    @Slot()
    def open_dialog(self) -> None:
        """Open the dialog in which the person chooses the columns of the shown queue and their order."""
        queue = self._queue()
        dialog = ColumnsDialog(
            self._context,
            self._make_queue_columns(queue),
            self._list_shown_column_keys(queue),
            self._page,
            titles_without_room=self._list_titles_without_room(),
        )
        dialog.columns_chosen.connect(partial(self.choose_columns, queue))
        dialog.open()


class ColumnsDialog(DialogFrame):
    """The dialog in which a person chooses the columns of a table and their order. Alt with the Up or Down key
    moves the column that has the focus.

    Signals:
    - columns_chosen(object): the person has chosen the columns with these keys in this order; empty for the default
      columns.
    """

    columns_chosen = Signal(object)
    submits_on_enter = True

    def __init__(
        self,
        context: WindowContext,
        columns: Sequence[Column],
        shown_keys: Sequence[str],
        parent: QWidget,
        *,
        titles_without_room: Sequence[str] = (),
    ) -> None:
        """`shown_keys` are the keys of the chosen columns; `titles_without_room` are the titles of those that the
        table doesn't show at present, because it is too narrow."""
        translate = context.translate
        super().__init__(
            translate("dialog.columns.title"),
            translate("dialog.columns.subtitle"),
            cancel_text=translate("action.cancel"),
            main_button_text=translate("dialog.columns.act"),
            close_name=translate("action.close"),
            parent=parent,
        )
        self._context, self._usual_keys = context, [column.key for column in arrange_columns(columns, ())]
        self._lines = QVBoxLayout()
        self._lines.setSpacing(6)
        self.check_box_by_key = self._make_check_boxes(columns, shown_keys)
        reset_button = KeyButton(translate("view.usual_columns"))
        reset_button.clicked.connect(self._show_default_columns)
        note_label = TextLabel(translate("dialog.columns.note"), "small", "muted", wraps_lines=True)
        room_text = (
            translate("dialog.columns.no_room", names=list(titles_without_room)) if titles_without_room else ""
        )
        room_label = TextLabel(room_text, "small", "muted", wraps_lines=True)
        set_visible_in_parent(room_label, bool(room_text))
        button_row = make_row(*self._make_move_buttons(), None, reset_button, gap_px=8)
        form = QWidget()
        form.setLayout(make_column(note_label, room_label, self._lines, button_row, gap_px=12))
        self.show_content(form)
        self.main_button.clicked.connect(self._emit_chosen_columns)
        self._update_main_button()

    def _make_check_boxes(self, columns: Sequence[Column], shown_keys: Sequence[str]) -> dict[str, CheckBox]:
        """Return the check box of each column by the column's key, the chosen columns first, and add them to the
        lines of the dialog."""
        titles = {column.key: column.title for column in columns}
        order = [*shown_keys, *(key for key in titles if key not in shown_keys)]
        check_box_by_key = {key: CheckBox(titles[key]) for key in order}
        for key, box in check_box_by_key.items():
            box.setChecked(key in shown_keys)
            box.checkStateChanged.connect(self._update_main_button)
            self._lines.addWidget(box)
        return check_box_by_key

    def _make_move_buttons(self) -> list[KeyButton]:
        """Return the two buttons that move the column with the focus up and down, and bind their shortcuts."""
        buttons = []
        for name, key, step in (("up", MOVE_COLUMN_UP_SHORTCUT, -1), ("down", MOVE_COLUMN_DOWN_SHORTCUT, 1)):
            text = self._context.translate(f"dialog.columns.{name}")
            button = KeyButton(text, _KEY_CAP_BY_SHORTCUT[key], binds_key=False)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it moves the column that has the focus
            button.acts_on_double_click = True
            button.clicked.connect(partial(self.move_column, step))
            QShortcut(QKeySequence(key), self).activated.connect(partial(self.move_column, step))
            buttons.append(button)
        return buttons

    def find_first_focus(self) -> QWidget:
        return next(iter(self.check_box_by_key.values()))

    @property
    def ordered_keys(self) -> list[str]:
        """The keys of all columns, shown and hidden, in the order of the dialog."""
        return sorted(self.check_box_by_key, key=lambda key: self._lines.indexOf(self.check_box_by_key[key]))

    def move_column(self, offset: int) -> None:
        """Move the column that has the focus one line up (`offset` -1) or down (1), and announce its new position to
        a screen reader. Do nothing if no column has the focus, or at the end of the list."""
        order = self.ordered_keys
        old_index = next((number for number, key in enumerate(order) if self.check_box_by_key[key].hasFocus()), None)
        if old_index is None or not 0 <= old_index + offset < len(order):
            return
        box = self.check_box_by_key[order[old_index]]
        self._lines.removeWidget(box)
        self._lines.insertWidget(old_index + offset, box)
        self._set_tab_order_of_boxes()
        box.setFocus(Qt.FocusReason.OtherFocusReason)
        sentence = self._context.translate(
            "dialog.columns.place", name=box.text(), n=old_index + offset + 1, of=len(order)
        )
        announce(self, sentence)

    def _set_tab_order_of_boxes(self) -> None:
        """Let the Tab key visit the check boxes of the columns in the order of the dialog."""
        boxes = [self.check_box_by_key[key] for key in self.ordered_keys]
        for before, after in pairwise(boxes):
            QWidget.setTabOrder(before, after)

    @Slot()
    def _show_default_columns(self) -> None:
        for key in (*self._usual_keys, *(key for key in self.ordered_keys if key not in self._usual_keys)):
            self._lines.removeWidget(self.check_box_by_key[key])
            self._lines.addWidget(self.check_box_by_key[key])
            self.check_box_by_key[key].setChecked(key in self._usual_keys)
        self._set_tab_order_of_boxes()

    @Slot()
    def _update_main_button(self) -> None:
        if any(box.isChecked() for box in self.check_box_by_key.values()):
            self.enable_main_button()
        else:
            self.disable_main_button(self._context.translate("dialog.columns.needs_one"))

    @Slot()
    def _emit_chosen_columns(self) -> None:
        keys = [key for key in self.ordered_keys if self.check_box_by_key[key].isChecked()]
        self.columns_chosen.emit([] if keys == self._usual_keys else keys)
        self.accept()
