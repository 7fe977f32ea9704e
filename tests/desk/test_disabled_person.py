"""A person is disabled while the person's window is open: the window says who has disabled the person, and why."""

from console.views.pages.no_right_page import NoRightPage
from tests.desk.conftest import OpenWindow
from tests.desk.window_desks import FIRST_PERSON, WindowTestDesks

REASON = "the laptop was stolen"


def test_the_window_of_a_disabled_person_says_who_and_why(
    window_desks: WindowTestDesks, open_window: OpenWindow
) -> None:
    """An administrator disables the person. The next page that the person opens shows no records, but that adm-f has
    disabled the person, with the reason, and that two administrators can enable the person again. The page doesn't
    wait until the window next reads the people, every two minutes."""
    person = open_window()
    with window_desks.write_as_owner() as tx:
        tx.conn.exec_driver_sql(
            "UPDATE operators SET disabled_at = '2026-11-20 00:00:00', disabled_by = 'adm-f',"
            f" disabled_reason = '{REASON}' WHERE name LIKE '{FIRST_PERSON}%%'"
        )
    person.press("Alt+2")
    page = person.wait_for_page(NoRightPage)
    person.wait_until(lambda: REASON in page.reason_label.plain)
    assert "adm-f" in page.reason_label.plain
    assert page.advice_label.plain == page.context.translate("screen.no_right.disabled")
