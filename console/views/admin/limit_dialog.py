"""The dialog in which an administrator proposes a new value of a limit of refunds, or agrees to a proposed one."""

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from console.domain.money import InvalidAmountText, Money, decimal_text, money_from_text
from console.domain.payments.limits import LARGEST_LIMIT, Limit
from console.views.pages.form_dialog import FormDialog
from console.views.runtime.context import Toast, WindowContext
from console.views.widgets.base import TextLabel
from console.views.widgets.inputs import Field, LineEdit
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


class LimitDialog(FormDialog):
    """The dialog proposes a value for one limit. If another administrator has proposed a value, the field contains
    it, and the same value sets the limit.
    """

    def __init__(self, context: WindowContext, limit: Limit, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            context,
            translate("dialog.limit.title", name=limit_name(context, limit.name), currency=limit.currency),
            translate("dialog.limit.now", value=limit_value_text(context, limit, limit.value)),
            parent,
            act_text=translate("dialog.limit.act"),
        )
        self._limit = limit
        self.value_field = Field(translate("dialog.limit.value"), right=True)
        if limit.proposed is not None:
            _fill_field(self.value_field, self._text_of(limit.proposed))
        self.show_form()
        self.value_field.edit.textChanged.connect(self.update_act)
        self.update_act()

    def first_focus(self) -> QWidget:
        return self.value_field.edit

    def _text_of(self, value: int) -> str:
        return str(value) if self._limit.name == _SECONDS_NAME else decimal_text(Money(value, self._limit.currency))

    def _typed_value(self) -> int | None:
        """Return the typed value in minor units or seconds; None if the text is none."""
        text = self.value_field.text().strip().replace(",", "")
        if self._limit.name == _SECONDS_NAME:
            return int(text) if text.isascii() and text.isdigit() and int(text) <= LARGEST_LIMIT else None
        try:
            return money_from_text(text, self._limit.currency).minor
        except InvalidAmountText:
            return None

    def list_inputs(self) -> Sequence[QWidget]:
        return self.value_field, TextLabel(self.context.translate("dialog.limit.second"), wrap=True)

    def find_obstacle(self) -> str:
        value = self._typed_value()
        if value is None:
            return "dialog.limit.needs_value"
        return "dialog.limit.same" if value == self._limit.value else ""

    def send_form(self) -> None:
        limit, value = self._limit, self._typed_value()
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

    def describe(self, answer: Limit) -> Toast:
        return Toast(self.context.translate("cli.limit.set" if answer.proposed is None else "dialog.limit.proposed"))


def _fill_field(field: Field, text: str) -> None:
    if isinstance(field.edit, LineEdit):
        field.edit.setText(text)
