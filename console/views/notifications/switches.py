"""The switches of notifications: a person's preference for each kind of event. Every kind is on at first."""

from console.domain.notifications.events import EventKind
from console.views.runtime.preferences import Preferences


def is_switched_on(preferences: Preferences, kind: EventKind) -> bool:
    """True unless the person has switched this kind off."""
    return preferences.value(_name_of(kind)) is not False


def switch(preferences: Preferences, kind: EventKind, *, is_on: bool) -> None:
    """Store the person's choice for this kind."""
    preferences.store(_name_of(kind), None if is_on else False)


def _name_of(kind: EventKind) -> str:
    return f"notify.{kind.value}"
