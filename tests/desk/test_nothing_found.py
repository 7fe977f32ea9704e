"""A search without a result: the window names the searched kinds of records, and says whether older records were left
out."""

import pytest

from console.app import Console
from console.sandbox.server import Sandbox
from console.store.lookup import record_search
from console.views.lookup.page import LookupPage
from console.views.runtime.routes import LookupRoute
from console.views.widgets.base import TextLabel
from console.views.widgets.display.placeholders import EmptyState
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import OpenWindow
from tests.desk.test_search_everything import list_entries, open_search_box, search_text
from tests.support.money_desks import import_paid_payment

SEARCHED_AMOUNT = "¥99,999"
PARTIAL_RESULT_SENTENCE = translate("search.partial", "en")


@pytest.mark.parametrize("are_left_out", [False, True])
def test_only_a_partial_search_says_that_older_payments_were_not_searched(
    open_window: OpenWindow,
    console: Console,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    *,
    are_left_out: bool,
) -> None:
    """If a search covers only the newest payments, the page and the search box say that older payments were not
    searched. Otherwise they don't say so.
    """
    import_paid_payment(console, sandbox, "ORD-20261120-000123", 12_000)
    import_paid_payment(console, sandbox, "ORD-20261120-000124", 12_000)
    if are_left_out:
        monkeypatch.setattr(record_search, "MAX_SEARCHED_NEWEST_ROWS", 1)
    person = open_window()
    person.frame.show_route(LookupRoute(SEARCHED_AMOUNT))
    page = person.wait_for_page(LookupPage)
    person.wait_until(lambda: isinstance(page.result_stack.currentWidget(), EmptyState))
    shown = page.result_stack.currentWidget()
    assert isinstance(shown, EmptyState)
    assert any(PARTIAL_RESULT_SENTENCE in label.plain for label in shown.findChildren(TextLabel)) == are_left_out

    palette = open_search_box(person)
    search_text(person, palette, SEARCHED_AMOUNT)
    titles = [entry.title for entry in list_entries(palette)]
    assert translate("search.none_where", "en") in titles
    assert (translate("search.none_partial", "en") in titles) == are_left_out
    assert [entry.key for entry in list_entries(palette) if entry.title == translate("search.none_where", "en")] == [
        LookupRoute(SEARCHED_AMOUNT)
    ]
