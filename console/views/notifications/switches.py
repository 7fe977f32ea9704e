"""The person's preference for each kind of event: True if the program notifies the person about events of this kind.
Without a stored preference, the program notifies the person.
"""

from console.domain.notifications.events import PersonalEventKind
from console.views.runtime.preferences import Preferences


def is_notification_on(preferences: Preferences, kind: PersonalEventKind) -> bool:
    """Return True unless the person has switched off the notifications of this kind."""
    return preferences.get_value(_make_preference_name(kind)) is not False


def store_notification_switch(preferences: Preferences, kind: PersonalEventKind, *, is_on: bool) -> None:
    """Store that the person has switched the notifications of this kind on or off."""
    preferences.store(_make_preference_name(kind), None if is_on else False)


def _make_preference_name(kind: PersonalEventKind) -> str:
    return f"notify.{kind.value}"
