"""The state of a person's access, in both languages, for the window and the terminal."""

from console.domain.access.disabled_people import PersonAccess
from console.wording.sentences import catalogue as wording


def format_person_state(access: PersonAccess, language: str) -> str:
    """Return if the person is enabled, or by whom, since when and why the person is disabled, and which administrator
    has requested to enable the person."""
    disabling = access.disabling
    if disabling is None:
        return wording.translate("person.enabled", language)
    key = "person.disabled_by_file" if disabling.by is None else "person.disabled"
    sentence = wording.translate(key, language, who=disabling.by, since=disabling.since, note=disabling.reason)
    if access.proposed_by is None:
        return sentence
    proposed = wording.translate("person.proposed", language, who=access.proposed_by)
    return wording.translate("person.disabled_and_proposed", language, state=sentence, proposed=proposed)
