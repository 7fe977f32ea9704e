"""The dialog in which a person acknowledges one or more alerts of an incident, with a note."""

from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.errors import ErrorCode
from console.domain.records import WorkReason
from console.domain.registry.watched_facts import CORPORATION_CHANGE_RULE
from console.domain.tasks.records import Alert, AlertItem
from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.presenters import alerts as alert_words
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.controls.inputs import MultiLineField
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import make_failure_bar
from console.wording.sentences import catalogue as wording

_EFFECT_WORDING_KEY_BY_RULE_ID = {
    CORPORATION_CHANGE_RULE: "dialog.acknowledge.effect_settles",
    ErrorCode.DATABASE_WENT_BACK: "dialog.acknowledge.effect_permits",
    WorkReason.UNMATCHED_NOTICE: "dialog.acknowledge.effect_notice",
}


class AcknowledgeAlertsDialog(DialogFrame):
    """The dialog in which a person acknowledges the alerts of an incident, with a note. The note is required only for
    the alert which says that the database has gone back to an earlier state. The acknowledgement closes this alert,
    and also an alert about a changed company; any other acknowledged alert stays open until the facts match again. A
    sentence in the dialog states this effect. The typed note is kept as a draft until the service has
    stored the acknowledgement."""

    def __init__(
        self, context: WindowContext, alert_item: AlertItem, parent: QWidget, other_alerts: Sequence[Alert] = ()
    ) -> None:
        """`alert_item` has the alert that the dialog describes; `other_alerts` are further alerts of the same
        incident. The person acknowledges all of them together, with one note."""
        translate, alert = context.translate, alert_item.alert
        rule_text, record_text = (
            alert_words.format_alert_rule(alert, context),
            alert_words.format_alert_record(alert_item, context),
        )
        self._alert_title = translate("incident.name", rule=rule_text, subject=record_text)
        self._alert_ids = [alert.id, *(other_alert.id for other_alert in other_alerts if other_alert.id != alert.id)]
        super().__init__(
            self._translate_for_alerts(context, "dialog.acknowledge.title"),
            self._alert_title,
            cancel_text=translate("action.cancel"),
            main_button_text=translate("dialog.acknowledge.act"),
            kind="primary",
            close_name=translate("action.close"),
            parent=parent,
        )
        block_button_while_read_only(context, self.main_button, "note")
        self._context = context
        self.note_field = MultiLineField(translate("dialog.acknowledge.words"), translate)
        self.note_field.show_hint(translate("dialog.acknowledge.reads"))
        self._draft = DialogDraft(
            context,
            self,
            "acknowledge-incident",
            str(alert.id),
            self._alert_title,
            lambda: {"words": self.note_field},
        )
        draft_bar = [self._draft.bar] if self._draft.bar is not None else []
        content = QWidget()
        effect_key = _EFFECT_WORDING_KEY_BY_RULE_ID.get(alert.rule_id, "dialog.acknowledge.effect")
        effect_label = TextLabel(self._translate_for_alerts(context, effect_key), wraps_lines=True)
        content.setLayout(make_column(*draft_bar, self.note_field, effect_label, gap_px=12))
        self.show_content(content)
        self.main_button.clicked.connect(self._acknowledge_alerts)
        self.main_button.show_key("Ctrl+Enter")
        if alert.rule_id == ErrorCode.DATABASE_WENT_BACK:
            self.note_field.edit.textChanged.connect(self._update_button)  # it resolves the alert: say why
            self._update_button()
        else:
            self.enable_main_button(translate("dialog.enter_cancels"))

    def _translate_for_alerts(self, context: WindowContext, key: str) -> str:
        """Return the text with the wording key `key`. If the person acknowledges several alerts and a text with the
        key `key` + ".several" exists, return that text instead; it contains the number of the alerts."""
        count, key_of_several = len(self._alert_ids), f"{key}.several"
        is_about_several = count > 1 and wording.has_sentence(key_of_several)
        return context.translate(key_of_several, n=count) if is_about_several else context.translate(key)

    @Slot()
    def _update_button(self) -> None:
        if self.note_field.text().strip():
            self.enable_main_button(self._context.translate("dialog.enter_cancels"))
        else:
            self.disable_main_button(self._context.translate("dialog.acknowledge.needs_words"))

    @Slot()
    def _acknowledge_alerts(self) -> None:
        note, context, alert_ids = self.note_field.text().strip(), self._context, self._alert_ids
        if self.is_busy:
            return
        self.set_busy(context.translate("dialog.busy"))
        context.run_acting_call(
            lambda services, request_id: services.alerts.acknowledge_alerts(alert_ids, note, request_id=request_id),
            self._show_acknowledged_toast,
            self._show_failure,
            caller=self,
            label=context.translate("act.acknowledge", id=alert_ids[0]),
            make_toast=lambda _: Toast(
                self._translate_for_alerts(context, "dialog.acknowledge.done"), subject_title=self._alert_title
            ),
            attempt=("alert acknowledge", *alert_ids, note),
            key=("alert", alert_ids[0]),
            provider="",
        )

    def _show_acknowledged_toast(self, _alerts: tuple[Alert, ...]) -> None:
        self._draft.delete()
        self.accept()
        done_text = self._translate_for_alerts(self._context, "dialog.acknowledge.done")
        self._context.show_toast(done_text, subject_title=self._alert_title)

    def _show_failure(self, failure: Failure) -> None:
        translate, content = self._context.translate, QWidget()
        self._draft.stop_storing()
        content.setLayout(make_column(make_failure_bar(failure, self._context.format_failure(failure))))
        title = self._context.format_failure_title(failure)
        self.show_outcome(title, self._alert_title, content, close_text=translate("action.close"))
