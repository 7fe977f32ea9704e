"""Texts about the access of a person (enabled or disabled), for the window and the terminal."""

from console.domain.access.disabled_people import PersonAccess
from console.wording.sentences import catalogue as wording


def format_person_state(access: PersonAccess, language: str) -> str:
    """Return a text about a person's access: the word for "enabled", or a sentence with the disabling (administrator,
    instant and reason) and, if there is a request to enable the person, the administrator who has made it."""
    disabling = access.disabling
    if disabling is None:
        return wording.translate("person.enabled", language)
    key = "person.disabled_by_file" if disabling.by is None else "person.disabled"
    sentence = wording.translate(key, language, who=disabling.by, since=disabling.since, note=disabling.reason)
    if access.proposed_by is None:
        return sentence
    proposed = wording.translate("person.proposed", language, who=access.proposed_by)
    return wording.translate("person.disabled_and_proposed", language, state=sentence, proposed=proposed)
