"""The window finds the acting person among the people of the database, however the name is written."""

import pytest
from pytestqt.qtbot import QtBot

from console.domain.access.permissions import AUDITOR
from console.domain.records import Person
from tests.views.invented_checks import make_window_context


@pytest.mark.parametrize("typed_name", ["Aud-E", "ａｕｄ-e", " aud-e "])
def test_the_acting_person_is_found_in_another_spelling(qtbot: QtBot, typed_name: str) -> None:
    """A person who signs in as `Aud-E` is the person `aud-e` of the database, as in the services: the window knows
    the roles of this person, and names the missing role instead of an unknown person."""
    context = make_window_context()
    context.change_operator(typed_name)
    person = Person("aud-e", frozenset({AUDITOR}), may_buy=False)
    context.replace_people((person, Person("lead-b", frozenset({"approver"}), may_buy=False)))
    assert context.current_person == person
    assert context.find_missing_right_reason("read") == ""
    assert context.find_missing_right_reason("refund_approve") == context.format_needed_role({"approver"}, ["lead-b"])
