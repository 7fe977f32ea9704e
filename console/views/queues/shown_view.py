"""The saved view that the page of the queues shows, and the menu button with which a person saves, renames and
deletes views."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QMenu

from console.domain.errors import ErrorCode
from console.domain.queues.saved_views import SavedView, ViewContent
from console.views.pages.base import Page, PageHead
from console.views.queues.view_dialogs import RenameViewDialog, SaveViewDialog
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.theme.mixed_font_text import format_menu_entry
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar

SAVE_VIEW_SHORTCUT = "Ctrl+S"
VIEW_MENU_SHORTCUT = "V"
_SAVED_VIEW_BAR_NAME = "view"


class ShownSavedView(QObject):
    """Stores the saved view that the page of the queues shows. `view` is None if the page shows a queue without a
    view.

    Signals:
    - view_opened(object): the page must show the records of this SavedView.
    - changed: `view` is another view or None, or the name of the view has changed.
    """

    view_opened = Signal(object)
    changed = Signal()

    def __init__(
        self,
        context: WindowContext,
        page: Page,
        head: PageHead,
        make_content: Callable[[], ViewContent],
        show_action_refusal: Callable[[Failure, str], None],
    ) -> None:
        """The menu button is added to the header `head` of `page`. `make_content` returns the queue, filter, sort
        order, columns and grouping that the page shows, as the content of a view to save. `show_action_refusal` shows
        why an action on the view of the given name was refused."""
        super().__init__(page)
        self._show_action_refusal = show_action_refusal
        self._context, self._page, self._head, self._make_content = context, page, head, make_content
        self.view: SavedView | None = None
        self._requested_view_id = 0  # of the view that is being read or shown; 0 after the person has left it
        self._unchanged_content: ViewContent | None = None
        self.further_entries: list[tuple[str, str, Callable[[], None]]] = []
        """Further entries of the menu: wording key, shortcut, and the function to call."""
        self.button = KeyButton(context.translate("view.menu"), VIEW_MENU_SHORTCUT, binds_key=False)
        self.button.clicked.connect(self.open_menu)
        head.add_button(self.button)
        page.bind_shortcut(SAVE_VIEW_SHORTCUT, self.open_save_dialog)
        page.bind_shortcut(VIEW_MENU_SHORTCUT, self.open_menu)
        context.saved_views_changed.connect(self._follow_changes_by_others)
        context.person_changed.connect(self._leave_private_view)

    @property
    def is_changed(self) -> bool:
        """True if the page shows other records or columns than the saved view names, because the person has changed
        or cleared its filter, sort order, columns or grouping."""
        return self.view is not None and self._make_content() != self._unchanged_content

    def leave_view(self) -> None:
        """Set `view` to None, because the person has opened a queue or deleted the view."""
        self._page.hide_bar(_SAVED_VIEW_BAR_NAME)
        self._requested_view_id = 0
        if self.view is not None:
            self.view = None
            self.changed.emit()

    @Slot()
    def _leave_private_view(self) -> None:
        """Leave the shown view after a change of the acting person, unless it is a view of the team: only the person
        who made a private view sees its name. Also forget a view that is still being read for the earlier person, and
        remove the bar with the name of a view that this person has deleted."""
        if self.view is None or not self.view.is_team:
            self.leave_view()
        else:
            self._page.hide_bar(_SAVED_VIEW_BAR_NAME)
            self._requested_view_id = self.view.id

    def open_view(self, id: int) -> None:
        """Read the view with this id, and emit `view_opened` with it. If the view can't be read, show a bar with the
        reason. If the person opens a queue or another view before the answer arrives, ignore the answer."""
        self._requested_view_id = id
        self._context.run_read(
            lambda services: services.saved_views.read_view_by_id(id),
            lambda view: self._show_view(view) if id == self._requested_view_id else None,
            lambda failure: self._show_failed_opening(id, failure),
            caller=self,
            key="saved view",
        )

    def _show_failed_opening(self, id: int, failure: Failure) -> None:
        if id == self._requested_view_id:
            self._requested_view_id = self.view.id if self.view is not None else 0
            self._show_missing_view(failure)

    def _show_view(self, view: SavedView) -> None:
        """Store `view`, which was just read, as the shown view, and let the page show the records of the view."""
        self.view, self._requested_view_id = view, view.id
        self._page.hide_bar(_SAVED_VIEW_BAR_NAME)
        self.view_opened.emit(view)
        self._unchanged_content = self._make_content()
        self.changed.emit()

    def _show_missing_view(self, failure: Failure) -> None:
        self._page.show_bar(
            _SAVED_VIEW_BAR_NAME,
            NotificationBar(
                self._context.translate("view.not_opened"),
                self._context.format_failure(failure),
                tone="care",
                icon_name="square_bang",
            ),
        )

    def show_problems(self, problems: tuple[str, ...]) -> None:
        """Show a bar that names `problems`: the parts of the saved view which the page can't use, such as an unknown
        condition, an unknown sort order or the key of an unknown column. Do nothing if `problems` is empty."""
        if problems:
            sentence = self._context.translate("queue.filter_problem", names=problems)
            self._page.show_bar(
                _SAVED_VIEW_BAR_NAME,
                NotificationBar(
                    self._context.translate("view.problems"), sentence, tone="care", icon_name="square_bang"
                ),
            )

    @Slot()
    def _follow_changes_by_others(self) -> None:
        """Use the new name of the shown view if another person or window has renamed it. If the view is missing in
        the context, read it, to find out if it has been deleted: it is also missing for a moment after it was saved,
        and while the window reads the views of another person."""
        view = self.view
        if view is None:
            return
        current_view = next(
            (view_count.view for view_count in self._context.saved_views if view_count.view.id == view.id), None
        )
        if current_view is None:
            self._context.run_read(
                lambda services: services.saved_views.read_view_by_id(view.id),
                lambda _: None,
                partial(self._leave_deleted_view, view),
                caller=self,
                key="presence of the saved view",
            )
        elif current_view.name != view.name:
            self.view = current_view
            self.changed.emit()

    def _leave_deleted_view(self, view: SavedView, failure: Failure) -> None:
        """If `failure` says that `view` doesn't exist any more, because another person or window has deleted it, and
        the page still shows it, leave the view. The page keeps its filter and columns; a bar has the view's name."""
        is_shown = self.view is not None and self.view.id == view.id == self._requested_view_id
        if failure.code != ErrorCode.NOT_FOUND or not is_shown:
            return
        self.leave_view()
        self._page.show_bar(
            _SAVED_VIEW_BAR_NAME,
            NotificationBar(
                self._context.translate("view.deleted_elsewhere", name=view.name),
                self._context.translate("view.deleted_elsewhere.next"),
                tone="care",
                icon_name="square_bang",
            ),
        )

    # -- menu

    @Slot()
    def open_menu(self) -> None:
        self.build_menu().popup(self._head.compute_point_below(self.button))

    def build_menu(self) -> QMenu:
        """Build and return the menu: entries that save, rename and delete a view, then the entries that the page has
        added to `further_entries`."""
        translate, menu = self._context.translate, QMenu(self._page)
        menu.setAccessibleName(self.button.text())
        menu.aboutToHide.connect(menu.deleteLater)
        reason = self._find_disabled_reason()
        for key, keys, act, needs_view in (
            ("view.save", SAVE_VIEW_SHORTCUT, self.open_save_dialog, False),
            ("view.rename", "", self.open_rename_dialog, True),
            ("view.delete", "", self.delete_view, True),
        ):
            if not needs_view or self.view is not None:
                entry_text = translate(key) if not reason else f"{translate(key)} ({reason})"
                entry = menu.addAction(format_menu_entry(entry_text, keys))
                entry.setEnabled(not reason)
                entry.triggered.connect(act)
        menu.addSeparator()
        for key, keys, further_action in self.further_entries:
            menu.addAction(format_menu_entry(translate(key), keys)).triggered.connect(further_action)
        return menu

    @Slot()
    def open_save_dialog(self) -> None:
        """If the person has the right, open the dialog in which the person types the name of a new view. The view
        stores the queue, filter, sort order, columns and grouping that the page shows."""
        if not self._refuse_if_right_missing():
            dialog = SaveViewDialog(self._context, self._make_content(), self._page, self.view)
            dialog.view_saved.connect(self._show_stored_content)
            dialog.open()

    @Slot()
    def open_rename_dialog(self) -> None:
        if self.view is not None and not self._refuse_if_right_missing():
            dialog = RenameViewDialog(self._context, self.view, self._page)
            dialog.view_saved.connect(self._show_stored_view)
            dialog.open()

    def _find_disabled_reason(self) -> str:
        """Return the reason why the person can't store, rename or delete views at present: the person lacks the
        right, or the program could not read the data of the page again. Return "" if these actions are possible."""
        return self._context.find_disabled_reason("save_view") or self._page.find_outdated_reason()

    def _refuse_if_right_missing(self) -> bool:
        """If the person can't store views at present, show the reason in a toast and return True; otherwise return
        False."""
        reason = self._find_disabled_reason()
        if reason:
            self._context.toast_requested.emit(Toast(reason, icon_name="lock", tone="care", subject_title=""))
        return bool(reason)

    @Slot(object)
    def _show_stored_content(self, view: SavedView) -> None:
        """Show the name of the view in which the person has just stored the contents of the page."""
        self._unchanged_content = self._make_content()
        self._show_stored_view(view)

    @Slot(object)
    def _show_stored_view(self, view: SavedView) -> None:
        """Store the saved or renamed view as the shown view, without reading its records again, and request that the
        window reads the sidebar's saved views again."""
        self.view, self._requested_view_id = view, view.id
        self._context.saved_views_outdated.emit()
        self.changed.emit()

    @Slot()
    def delete_view(self) -> None:
        """Delete the shown view, if the person has the right. A bar then shows the name of the deleted view and a
        button that restores the view."""
        view, context = self.view, self._context
        if view is None or self._refuse_if_right_missing():
            return
        context.run_acting_call(
            lambda services, request_id: services.saved_views.delete_view(view.id, request_id=request_id),
            self._show_deletion_bar,
            partial(self._show_refusal, view),
            caller=self,
            label=context.translate("act.about", title=view.name, message=context.translate("view.delete")),
            make_toast=lambda deleted: Toast(context.translate("view.deleted"), subject_title=deleted.name),
            attempt=("delete view", view.id, view.version),
            key="saved views",
            provider="",
        )

    def _show_deletion_bar(self, view: SavedView) -> None:
        context = self._context
        if self._requested_view_id in (0, view.id):  # otherwise the person has opened another view meanwhile
            self.leave_view()
        context.saved_views_outdated.emit()
        button = KeyButton(context.translate("view.restore"), kind="inline")
        button.clicked.connect(lambda: self._restore_view(view))
        self._page.show_bar(
            _SAVED_VIEW_BAR_NAME, NotificationBar(context.translate("view.deleted"), view.name, button=button)
        )

    def _restore_view(self, view: SavedView) -> None:
        context, self._requested_view_id = self._context, view.id
        context.run_acting_call(
            lambda services, request_id: services.saved_views.restore_view(view.id, request_id=request_id),
            self._show_restored_view,
            partial(self._show_refusal, view),
            caller=self,
            label=context.translate("act.about", title=view.name, message=context.translate("view.restore")),
            make_toast=lambda restored: Toast(context.translate("view.restored"), subject_title=restored.name),
            attempt=("restore view", view.id, view.version),
            key="saved views",
            provider="",
        )

    def _show_restored_view(self, view: SavedView) -> None:
        self._context.toast_requested.emit(Toast(self._context.translate("view.restored"), subject_title=view.name))
        self._context.saved_views_outdated.emit()
        if self._requested_view_id == view.id:  # otherwise the person has opened a queue or another view meanwhile
            self._show_view(view)

    def _show_refusal(self, view: SavedView, failure: Failure) -> None:
        """Show why the view was not deleted or restored. The bar with the button that restores it stays."""
        if self._requested_view_id == view.id:  # the page goes on showing what it showed before
            self._requested_view_id = self.view.id if self.view is not None else 0
        self._show_action_refusal(failure, view.name)
