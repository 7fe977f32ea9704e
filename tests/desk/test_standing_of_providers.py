"""The state of the providers in the window before the first call to one of them."""

from tests.desk.conftest import OpenWindow


def test_each_provider_of_this_desk_is_named(open_window: OpenWindow) -> None:
    """Each provider that is set up is listed from the start as not asked yet, and nothing is sent for that."""
    person = open_window()
    context = person.opening.context
    person.wait_until(lambda: [one.name for one in context.connection_state.gateways] == ["atom", "paypay"])
    assert [(one.answer_seconds, one.answered_at) for one in context.connection_state.gateways] == [(None, None)] * 2
