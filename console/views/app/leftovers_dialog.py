"""The dialog about stored credentials that this desk no longer needs, because a worker acts for its person."""

from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.desk_requests.records import LeftoverCredentials
from console.views.presenters import records as case_words
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import make_failure_bar


class LeftoverCredentialsDialog(DialogFrame):
    """The dialog that lists the credentials which this desk no longer needs, and deletes those in the operating
    system's keyring. It can't delete environment variables, so it only shows their names."""

    def __init__(self, context: WindowContext, leftovers: LeftoverCredentials, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            translate("dialog.leftovers.title"),
            translate("dialog.leftovers.subtitle"),
            cancel_text=translate("action.cancel"),
            main_button_text=translate("dialog.leftovers.act"),
            kind="danger",
            hint=translate("dialog.leftovers.kept"),
            close_name=translate("action.close"),
            parent=parent,
        )
        self._context, self._leftovers = context, leftovers
        self.show_content(self._make_content())
        if not leftovers.keyring_entries:
            self.disable_main_button(translate("dialog.leftovers.nothing"))
        self.main_button.clicked.connect(self._delete_credentials)

    def _make_content(self, *widgets_above: QWidget) -> QWidget:
        translate, leftovers = self._context.translate, self._leftovers
        content_widgets: list[QWidget] = [*widgets_above]
        if leftovers.keyring_entries:
            content_widgets += [
                TextLabel(translate("dialog.leftovers.entries"), is_bold=True),
                _make_credential_names_label(
                    [case_words.get_provider_name(name, self._context) for name in leftovers.keyring_entries]
                ),
            ]
        if leftovers.environment_variables:
            content_widgets += [
                TextLabel(translate("dialog.leftovers.variables"), is_bold=True),
                _make_credential_names_label(leftovers.environment_variables),
            ]
            content_widgets.append(
                TextLabel(translate("dialog.leftovers.variables.words"), "small", "muted", wraps_lines=True)
            )
        content = QWidget()
        content.setLayout(make_column(*content_widgets, gap_px=8))
        return content

    @Slot()
    def _delete_credentials(self) -> None:
        context = self._context
        self.set_busy(context.translate("dialog.leftovers.title"))
        context.run_acting_call(
            lambda services, _: services.desk_status.delete_unneeded_credentials(),
            self._show_deleted_toast,
            self._show_deletion_failure,
            caller=self,
            label=context.translate("dialog.leftovers.title"),
            make_toast=self._make_deleted_toast,
            attempt=("forget credentials",),
            provider="",
        )

    def _show_deleted_toast(self, deleted_credentials: LeftoverCredentials) -> None:
        self._context.toast_requested.emit(self._make_deleted_toast(deleted_credentials))
        self._context.update_connection_state(
            leftover_credentials=LeftoverCredentials(deleted_credentials.environment_variables)
        )
        self.accept()

    def _make_deleted_toast(self, deleted_credentials: LeftoverCredentials) -> Toast:
        return Toast(
            self._context.translate("dialog.leftovers.done", count=len(deleted_credentials.keyring_entries)),
            subject_title="",
        )

    def _show_deletion_failure(self, failure: Failure) -> None:
        bar = make_failure_bar(failure, self._context.format_failure(failure))
        self.show_outcome(
            self._context.format_failure_title(failure),
            "",
            self._make_content(bar),
            close_text=self._context.translate("action.close"),
        )


def _make_credential_names_label(names: Sequence[str]) -> TextLabel:
    return TextLabel("\n".join(names), "data", wraps_lines=True)
