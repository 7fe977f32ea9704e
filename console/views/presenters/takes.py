"""The toasts that the window shows after a person has taken a record or has ended a take."""

from console.domain.tasks.records import Take
from console.views.runtime.context import Toast, WindowContext


def make_take_toast(context: WindowContext, take: Take) -> Toast:
    """Return the toast for a record that the person has just taken; it shows the end of the take."""
    return Toast(context.translate("act.taken", until=take.until), icon_name="person")


def make_give_back_toast(context: WindowContext, *, was_taken: bool) -> Toast:
    """Return the toast for a take that the person has just ended. `was_taken` is False if the person had no take,
    so that nothing was ended."""
    key = "act.given_back" if was_taken else "act.nothing_given_back"
    return Toast(context.translate(key), icon_name="person", tone="good" if was_taken else "text")
