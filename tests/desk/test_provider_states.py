"""The window shows the state of each gateway before it has called any of them."""

from tests.desk.conftest import OpenWindow


def test_each_provider_of_this_desk_is_named(open_window: OpenWindow) -> None:
    """From the start, the window lists each configured gateway, without the time of an answer, because it has called
    none.
    """
    person = open_window()
    context = person.opening.context
    person.wait_until(lambda: [one.name for one in context.connection_state.gateways] == ["atom", "paypay"])
    assert [(one.answer_seconds, one.answered_at) for one in context.connection_state.gateways] == [(None, None)] * 2
