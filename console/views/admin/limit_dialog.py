"""The dialog in which an administrator proposes a new value of a limit of refunds, or agrees to a proposed one."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.money import InvalidAmountText, Money, decimal_text, money_from_text
from console.domain.payments.limits import LARGEST_LIMIT, Limit
from console.views.pages.permission_buttons import bind_worker
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.inputs import Edit, Field
from console.views.widgets.notification_bars import Bar
from console.wording import catalogue as wording

_SECONDS_NAME = "cooling_off_seconds"


def limit_name(context: WindowContext, name: str) -> str:
    """Return the name of a limit in the window's language."""
    return context.translate(f"limit.{name}")


def limit_value_text(context: WindowContext, limit: Limit, value: int | None) -> str:
    """Return a limit's value as text: an amount, or a time in seconds; "" for none."""
    if value is None:
        return ""
    if limit.name == _SECONDS_NAME:
        return context.translate("admin.seconds", count=value)
    return wording.format_amount(value, limit.currency)


class LimitDialog(DialogFrame):
    """The dialog proposes a value for one limit. If another administrator has proposed a value, the field contains
    it, and the same value sets the limit.

    Signals:
    - stored(): the proposal is stored, or the limit is set.
    """

    stored = Signal()

    def __init__(self, context: WindowContext, limit: Limit, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            translate("dialog.limit.title", name=limit_name(context, limit.name), currency=limit.currency),
            translate("dialog.limit.now", value=limit_value_text(context, limit, limit.value)),
            cancel_text=translate("action.cancel"),
            act_text=translate("dialog.limit.act"),
            kind="primary",
            close_name=translate("action.close"),
            parent=parent,
        )
        bind_worker(context, self.act_button)
        self._context, self._limit = context, limit
        self.value_field = Field(translate("dialog.limit.value"), right=True)
        if limit.proposed is not None:
            _fill(self.value_field, self._text_of(limit.proposed))
        self._show_form()
        self.value_field.edit.textChanged.connect(self._update_act)
        self.act_button.clicked.connect(self._set_limit)
        self._update_act()

    def first_focus(self) -> QWidget:
        return self.value_field.edit

    def _text_of(self, value: int) -> str:
        return str(value) if self._limit.name == _SECONDS_NAME else decimal_text(Money(value, self._limit.currency))

    def _value(self) -> int | None:
        """Return the typed value in minor units or seconds; None if the text is none."""
        text = self.value_field.text().strip().replace(",", "")
        if self._limit.name == _SECONDS_NAME:
            return int(text) if text.isascii() and text.isdigit() and int(text) <= LARGEST_LIMIT else None
        try:
            return money_from_text(text, self._limit.currency).minor
        except InvalidAmountText:
            return None

    def _show_form(self, *above: QWidget) -> None:
        words = self._context.translate("dialog.limit.second")
        content = QWidget()
        content.setLayout(make_column(*above, self.value_field, TextLabel(words, wrap=True), gap=12))
        self.show_content(content)

    @Slot()
    def _update_act(self) -> None:
        value = self._value()
        if value is None:
            self.disable_act_button(self._context.translate("dialog.limit.needs_value"))
        elif value == self._limit.value:
            self.disable_act_button(self._context.translate("dialog.limit.same"))
        else:
            self.enable_act_button(self._context.translate("dialog.enter_cancels"))

    @Slot()
    def _set_limit(self) -> None:
        context, limit, value = self._context, self._limit, self._value()
        if self.is_busy or value is None:
            return
        self.set_busy(context.translate("dialog.busy"))
        context.run_acting_call(
            lambda services, request_id: services.limits.set_limit(
                limit.name, limit.currency, value, request_id=request_id
            ),
            self._show_stored,
            self._show_failure,
            owner=self,
            label=context.translate("act.limit"),
            describe=self._describe,
            attempt=("limits set", limit.name, limit.currency, value),
            key=("limit", limit.name, limit.currency),
            provider="",
        )

    def _describe(self, limit: Limit) -> Toast:
        return Toast(self._context.translate("cli.limit.set" if limit.proposed is None else "dialog.limit.proposed"))

    def _show_stored(self, limit: Limit) -> None:
        self._context.toast_requested.emit(self._describe(limit))
        self.stored.emit()
        self.accept()

    def _show_failure(self, failure: Failure) -> None:
        self.allow_closing(self._context.translate("action.cancel"), "")
        self.act_button.show_text(self._context.translate("dialog.limit.act"))
        self._show_form(Bar("", self._context.failure_message(failure), tone="bad", shape="square_bang"))
        self._update_act()


def _fill(field: Field, text: str) -> None:
    if isinstance(field.edit, Edit):
        field.edit.setText(text)
