"""Tests of the place of the first tasks on Home."""

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.views.home.page import HomePage
from console.views.pages.scroll_container import PageScrollArea
from tests.views.invented_checks import make_window_context


def test_one_column_of_panels_begins_with_the_first_tasks(appearance: object, qtbot: QtBot) -> None:
    """If the page is too narrow for three columns of panels, the first tasks are above all other panels, and the Tab
    key reaches them first. In a wide page they are below the panel of the providers.
    """
    page = HomePage(make_window_context())
    area = PageScrollArea(page)
    qtbot.addWidget(area)
    panel = page.first_tasks_panel
    panel.show()
    area.show()
    for width, is_first in ((1500, False), (600, True), (1500, False)):
        area.resize(width, 900)
        QApplication.processEvents()
        assert (panel.parentWidget() is not page._provider_column) is is_first
        assert not panel.isHidden()
        own_stops, task_stops = page.own_work_panel.focus_stops, panel.focus_stops
        if is_first:
            assert panel.geometry().bottom() < page._own_column.geometry().top()
            assert task_stops[-1].nextInFocusChain() in (*own_stops, page.age_panel, *page.team_panel.focus_stops)
