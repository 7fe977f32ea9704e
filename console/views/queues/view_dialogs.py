"""The dialogs in which a person saves a view of a queue under a name, or renames a saved view."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.queues.saved_views import LONGEST_NAME_CHARACTERS, SavedView, ViewContent
from console.domain.usage_problems import UsageProblem
from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.runtime.context import ActingCall, Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel, make_column, set_visible_in_parent
from console.views.widgets.controls.inputs import CheckBox, Field, LineEdit
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import make_failure_bar


class SaveViewDialog(DialogFrame):
    """The dialog in which a person names a new view and chooses if it is a view of the team or their own. If a view
    of this name exists, the person can choose to replace it. The dialog stores the inputs as a draft until the view
    is stored.

    Signals:
    - view_saved(object): this SavedView has been stored.
    """

    view_saved = Signal(object)
    submits_on_enter = True
    name = "save_view"
    """Name of this dialog in its wording keys: `dialog.{name}.…`."""

    def __init__(
        self, context: WindowContext, content: ViewContent, parent: QWidget, present_view: SavedView | None = None
    ) -> None:
        """`content` is the content of the new view. `present_view` is the view that the page shows, whose name the
        dialog proposes; None if the page shows no view."""
        translate = context.translate
        super().__init__(
            translate(f"dialog.{self.name}.title"),
            translate("dialog.save_view.subtitle", queue=content.queue),
            cancel_text=translate("action.cancel"),
            main_button_text=translate(f"dialog.{self.name}.act"),
            close_name=translate("action.close"),
            parent=parent,
        )
        self.too_early_text = translate("dialog.too_early")
        block_button_while_read_only(context, self.main_button, "save_view")
        self._context, self._content, self._present_view = context, content, present_view
        self.name_field = Field(translate("dialog.save_view.name"))
        self.team_box = CheckBox(translate("dialog.save_view.team"))
        self.replace_box = CheckBox(translate("dialog.save_view.replace"))
        set_visible_in_parent(self.replace_box, present_view is not None)
        if present_view is not None:
            self.name_field.edit.setText(present_view.name)  # type: ignore[union-attr]  # a single-line input
            self.team_box.setChecked(present_view.is_team)
        self._draft = self._make_draft()
        self._show_form(*([self._draft.bar] if self._draft.bar is not None else []))
        edit = self.name_field.edit
        if isinstance(edit, LineEdit):
            edit.setMaxLength(LONGEST_NAME_CHARACTERS)
            edit.textChanged.connect(self._update_main_button)
            edit.selectAll()
        self.main_button.clicked.connect(self._send_form)
        self._update_main_button()

    def find_first_focus(self) -> QWidget:
        return self.name_field.edit

    def _make_draft(self) -> DialogDraft:
        """Fill the inputs with the draft of this dialog, if there is one, and return the draft."""
        queue = self._content.queue
        return DialogDraft(
            self._context,
            self,
            "save_view-queues",
            queue,
            self._context.translate(f"queue.{queue}.title"),
            lambda: {"name": self.name_field, "team": self.team_box},
        )

    def _list_check_boxes(self) -> tuple[QWidget, ...]:
        """Return the check boxes of the form: "the team sees it" and "replace the view of this name". In a dialog
        that only renames a view, this method hides both check boxes and returns none."""
        return self.team_box, self.replace_box

    def _show_form(self, *widgets_above: QWidget) -> None:
        effect_label = TextLabel(
            self._context.translate(f"dialog.{self.name}.effect"), "small", "muted", wraps_lines=True
        )
        form = QWidget()
        form.setLayout(
            make_column(*widgets_above, self.name_field, *self._list_check_boxes(), effect_label, gap_px=10)
        )
        self.show_content(form)

    @Slot()
    def _update_main_button(self) -> None:
        if self.name_field.text().strip():
            self.name_field.show_hint("")
            self.enable_main_button()
        else:
            self.disable_main_button(self._context.translate("dialog.save_view.needs_name"))

    def _make_store_call(self, name: str) -> ActingCall[SavedView]:
        is_team, may_replace, content = self.team_box.isChecked(), self.replace_box.isChecked(), self._content
        return lambda services, request_id: services.saved_views.save_view(
            name, is_team, content, may_replace, request_id=request_id
        )

    @Slot()
    def _send_form(self) -> None:
        name = self.name_field.text()
        if self.is_busy or not name.strip():
            return
        context = self._context
        self.set_busy(context.translate("dialog.busy"))
        present_id = 0 if self._present_view is None else self._present_view.id
        form_values = (name, self.team_box.isChecked(), self.replace_box.isChecked(), repr(self._content), present_id)
        context.run_acting_call(
            self._make_store_call(name),
            self._close_after_saving,
            self._show_failure,
            caller=self,
            label=context.translate(
                "act.about", title=self._find_view_name(), message=context.translate(f"dialog.{self.name}.title")
            ),
            make_toast=self._make_saved_toast,
            attempt=(self.name, *form_values),
            key="saved views",
            provider="",
        )

    def _find_view_name(self) -> str:
        """Return the name of the view in messages: the typed name, because the view doesn't exist yet."""
        return self.name_field.text().strip()

    def _make_saved_toast(self, view: SavedView) -> Toast:
        return Toast(self._context.translate(f"dialog.{self.name}.done"), subject_title=view.name)

    def _close_after_saving(self, view: SavedView) -> None:
        self._draft.delete()
        self._context.toast_requested.emit(self._make_saved_toast(view))
        self.view_saved.emit(view)
        self.accept()

    def _show_failure(self, failure: Failure) -> None:
        self.allow_acting_again(self._context.translate("action.cancel"))
        self.main_button.show_text(self._context.translate(f"dialog.{self.name}.act"))
        failure_text, problem = self._context.format_failure(failure), failure.detail.get("problem")
        is_named = problem in (UsageProblem.INVALID_VIEW_NAME, UsageProblem.VIEW_NAME_TAKEN)
        self._show_form(*([] if is_named else [make_failure_bar(failure, failure_text)]))
        self._update_main_button()
        if is_named:
            self.name_field.show_error(failure_text)
            self.replace_box.setVisible(problem == UsageProblem.VIEW_NAME_TAKEN)
            self.name_field.edit.setFocus()


class RenameViewDialog(SaveViewDialog):
    """The dialog in which a person gives a saved view another name."""

    name = "rename_view"

    def __init__(self, context: WindowContext, view: SavedView, parent: QWidget) -> None:
        self._view_id, self._view_name = view.id, view.name
        super().__init__(context, view.content, parent, view)

    def _make_draft(self) -> DialogDraft:
        return DialogDraft(
            self._context,
            self,
            "rename_view-view",
            str(self._view_id),
            self._view_name,
            lambda: {"name": self.name_field},
        )

    def _find_view_name(self) -> str:
        """Return the present name of the view."""
        return self._view_name

    def _list_check_boxes(self) -> tuple[QWidget, ...]:
        """Hide the check boxes of the base class, because a rename doesn't use them, and return an empty tuple."""
        self.team_box.hide()
        self.replace_box.hide()
        return ()

    def _make_store_call(self, name: str) -> ActingCall[SavedView]:
        id = self._view_id
        return lambda services, request_id: services.saved_views.rename_view(id, name, request_id=request_id)
