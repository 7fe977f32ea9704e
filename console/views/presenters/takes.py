"""The messages of takes: a person marks that they work on a record, or ends that mark."""

from console.domain.tasks.records import Take
from console.views.runtime.context import Toast, WindowContext


def take_toast(context: WindowContext, taken: Take) -> Toast:
    """Return the message after a record was taken."""
    return Toast(context.translate("act.taken", until=taken.until), shape="person")


def given_back_toast(context: WindowContext, *, was_taken: bool) -> Toast:
    """Return the message after a take was ended; `was_taken` is False if the person had none."""
    key = "act.given_back" if was_taken else "act.nothing_given_back"
    return Toast(context.translate(key), shape="person", tone="good" if was_taken else "text")
