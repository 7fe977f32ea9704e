"""Tests of the form for the purchase of a credit check: the registry's facts about the company."""

from datetime import date

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.domain.registry.facts import CorporationFacts
from console.domain.service_results import PurchasePlan
from console.views.purchase.dialog import PurchaseDialog
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.registry import format_purchase_warning
from tests.views.invented_checks import NOW, make_window_context

NUMBER = "2010401907731"
UNKNOWN_NUMBER_SENTENCE = "The registry of 2026-11-20 does not have this number."


@pytest.mark.parametrize("has_registry", [True, False])
def test_a_purchase_of_a_number_that_the_registry_lacks_says_so(
    qtbot: QtBot, appearance: object, has_registry: bool
) -> None:
    """The page of the company warns that the registry doesn't have the number. The dialog that spends money repeats
    the warning beside the cost. Without a registry there is no such sentence."""
    facts = CorporationFacts(NUMBER, date(2026, 11, 20)) if has_registry else None
    plan = PurchasePlan(NUMBER, ("1",), (), (), None, None, is_renewal=False, read_at=NOW, corporation=facts)
    window = QWidget()
    qtbot.addWidget(window)
    dialog = PurchaseDialog(make_window_context(), plan, "1", window)
    texts = [bar.accessibleName() for bar in dialog.findChildren(NotificationBar)]
    assert any(UNKNOWN_NUMBER_SENTENCE in text for text in texts) is has_registry, texts
    assert (format_purchase_warning(facts, dialog._context.translate) == UNKNOWN_NUMBER_SENTENCE) is has_registry
