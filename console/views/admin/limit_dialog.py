"""The dialog in which an administrator proposes a new value for a limit of refunds, or confirms the value that
another administrator has proposed."""

from collections.abc import Sequence
from datetime import timedelta

from PySide6.QtWidgets import QWidget

from console.domain.money import InvalidAmountText, Money, decimal_text, money_from_text
from console.domain.payments.limits import LARGEST_LIMIT, Limit
from console.views.pages.form_dialog import FormDialog
from console.views.runtime.context import Toast, WindowContext
from console.views.widgets.base import TextLabel
from console.views.widgets.inputs import Field, LineEdit
from console.wording import catalogue as wording

_COOLING_OFF_LIMIT_NAME = "cooling_off_seconds"


def translate_limit_name(context: WindowContext, name: str) -> str:
    """Return the name of the limit `name` in the window's language."""
    return context.translate(f"limit.{name}")


def format_limit_value(context: WindowContext, limit: Limit, value: int | None) -> str:
    """Return `value`, in minor units or seconds, as text: an amount in the currency of `limit`, or a
    duration in words for the cooling-off period. Return "" for None."""
    if value is None:
        return ""
    if limit.name == _COOLING_OFF_LIMIT_NAME:
        return wording.format_duration(timedelta(seconds=value), context.language)
    return wording.format_amount(value, limit.currency)


class LimitDialog(FormDialog):
    """The dialog in which an administrator types a new value for one limit and sends it to the service as a
    proposal. If another administrator has already proposed a value, the field contains this value; sending the
    same value confirms the proposal and changes the limit.
    """

    def __init__(self, context: WindowContext, limit: Limit, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            context,
            translate("dialog.limit.title", name=translate_limit_name(context, limit.name), currency=limit.currency),
            translate("dialog.limit.now", value=format_limit_value(context, limit, limit.value)),
            parent,
            act_text=translate("dialog.limit.act"),
        )
        self._limit = limit
        key = "dialog.limit.seconds" if limit.name == _COOLING_OFF_LIMIT_NAME else "dialog.limit.value"
        self.value_field = Field(translate(key), right=True)
        if limit.proposed is not None:
            _set_field_text(self.value_field, self._format_value(limit.proposed))
        self.show_form()
        self.value_field.edit.textChanged.connect(self.update_submit_button)
        self.update_submit_button()

    def find_first_focus(self) -> QWidget:
        return self.value_field.edit

    def _format_value(self, value: int) -> str:
        return (
            str(value)
            if self._limit.name == _COOLING_OFF_LIMIT_NAME
            else decimal_text(Money(value, self._limit.currency))
        )

    def _parse_typed_value(self) -> int | None:
        """Return the typed value in minor units, or in seconds for the cooling-off period; None if the text is no
        valid value."""
        text = self.value_field.text().strip().replace(",", "")
        if self._limit.name == _COOLING_OFF_LIMIT_NAME:
            return int(text) if text.isascii() and text.isdigit() and int(text) <= LARGEST_LIMIT else None
        try:
            return money_from_text(text, self._limit.currency).minor
        except InvalidAmountText:
            return None

    def list_inputs(self) -> Sequence[QWidget]:
        return self.value_field, TextLabel(self.context.translate("dialog.limit.second"), wrap=True)

    def find_form_problem(self) -> str:
        value = self._parse_typed_value()
        if value is None:
            return "dialog.limit.needs_value"
        return "dialog.limit.same" if value == self._limit.value else ""

    def send_form(self) -> None:
        limit, value = self._limit, self._parse_typed_value()
        if value is None:
            return
        self.send_call(
            lambda services, request_id: services.limits.set_limit(
                limit.name, limit.currency, value, request_id=request_id
            ),
            label=self.context.translate("act.limit"),
            attempt=("limits set", limit.name, limit.currency, value),
            key=("limit", limit.name, limit.currency),
        )

    def make_answer_toast(self, answer: Limit) -> Toast:
        return Toast(self.context.translate("cli.limit.set" if answer.proposed is None else "dialog.limit.proposed"))


def _set_field_text(field: Field, text: str) -> None:
    if isinstance(field.edit, LineEdit):
        field.edit.setText(text)
