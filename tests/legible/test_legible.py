"""No text or control is cut off or hidden, and no page scrolls sideways, on any page, in both languages, with texts
from 100 % to 200 %. Screen readers can name each control.
"""

import importlib
import pkgutil
import random
from itertools import product
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

import console.views
from console.views.pages.base import Page
from console.views.pages.fitted_table import FittedTable
from console.views.queues.page import QueuesPage
from console.views.records.note_dialog import NoteDialog
from console.views.runtime.routes import RECORD_QUEUE_NAMES, PaymentRoute, QueuesRoute
from console.views.theme.theme import current_appearance
from console.views.widgets.accessibility import install_accessibility
from console.views.widgets.base import TitleLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.inputs import Field
from console.views.widgets.display.money_strip import MoneyPanel, MoneyPart
from console.views.widgets.display.record_parts import RecordSideState, RecordSideStrip
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.window_bars import EnvironmentLabel
from tests.legible.enter import find_enter_faults
from tests.legible.faults import find_faults
from tests.legible.ink import measure_label_ink
from tests.legible.tour import (
    PART_COUNT,
    SCENES,
    SCREEN_CLASSES_BY_SCENE,
    find_accessibility_faults,
    find_display_problems_of_tour,
    list_scenes_of_part,
    open_stage,
)
from tests.shots.stage import WindowLook

# The platform without a screen says so when a menu opens.
pytestmark = pytest.mark.qt_log_ignore("does not support", extend=True)

WINDOW_SIZES = ((1280, 800), (1440, 900), (1920, 1080))
SMALLER_TEXT_SCALES = (1.0, 1.25, 1.5)
SCENES_PER_SCALE = 2
BASE_CLASSES_THAT_ARE_SHOWN = (NoteDialog,)
ALWAYS_VISIBLE_COLUMNS = ("age", "amount", "state", "certainty", "cause")


@pytest.mark.parts_by_day(1, "the screens are looked at in parts")
@pytest.mark.parametrize("part", range(PART_COUNT))
def test_no_text_is_cut_off_at_200_percent(qapp: QApplication, tmp_path: Path, seed: int, part: int) -> None:
    """At the largest text size in the smallest window, every page and dialog shows its texts completely, and Enter
    closes no dialog. The seed chooses the language of each part, and an ordinary run executes only one part. The
    soak test runs all parts in both languages.
    """
    japanese_parts = random.Random(seed).sample(range(PART_COUNT), PART_COUNT // 2)
    sight = WindowLook("ja" if part in japanese_parts else "en", "light", 1280, 800, scale=2.0)
    assert find_display_problems_of_tour(tmp_path / "desk", sight, list_scenes_of_part(part)) == []


def test_every_screen_has_a_scene() -> None:
    """SCREEN_CLASSES_BY_SCENE lists every page and dialog class of the program with the scene that shows it. If a
    scene doesn't show its page or dialog, another test fails.
    """
    expected = [name for names in SCREEN_CLASSES_BY_SCENE.values() for name in names]
    assert sorted(expected) == sorted(kind.__name__ for kind in list_screen_classes())
    assert SCREEN_CLASSES_BY_SCENE.keys() <= SCENES.keys()
    assert [name for part in range(PART_COUNT) for name in list_scenes_of_part(part)] == list(SCENES)


def list_screen_classes() -> set[type[QWidget]]:
    """Return the classes of all pages and dialogs of the program, without those that only serve as base classes."""
    for module in pkgutil.walk_packages(console.views.__path__, "console.views."):
        importlib.import_module(module.name)
    kinds: set[type[QWidget]] = set()
    waiting: list[type[QWidget]] = [Page, DialogFrame]
    while waiting:
        derived = waiting.pop().__subclasses__()
        waiting += derived
        kinds |= {kind for kind in derived if not kind.__subclasses__() or kind in BASE_CLASSES_THAT_ARE_SHOWN}
    return {kind for kind in kinds if kind.__module__.startswith("console.")}


@pytest.mark.parametrize("scale", SMALLER_TEXT_SCALES)
def test_no_text_is_cut_off_at_smaller_text_sizes(
    qapp: QApplication, tmp_path: Path, seed: int, scale: float
) -> None:
    """No text is cut off at smaller text sizes. For each size, some of the pages are tested in one language; the seed
    chooses them.
    """
    draw = random.Random(seed)
    drawn = draw.sample(list(SCENES), SCENES_PER_SCALE * len(SMALLER_TEXT_SCALES))
    first = SMALLER_TEXT_SCALES.index(scale) * SCENES_PER_SCALE
    names = sorted(drawn[first : first + SCENES_PER_SCALE], key=list(SCENES).index)
    sight = WindowLook(draw.choice(["ja", "en"]), "light", 1280, 800, scale=scale)
    assert find_display_problems_of_tour(tmp_path / "desk", sight, names) == []


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PART_COUNT))
@pytest.mark.parametrize(("language", "scale"), list(product(["ja", "en"], (*SMALLER_TEXT_SCALES, 2.0))))
def test_no_text_is_cut_off_at_any_text_size(
    qapp: QApplication, tmp_path: Path, language: str, scale: float, part: int
) -> None:
    """On all pages, in each language and at each text size, no text is cut off. Only the soak test runs this."""
    sight = WindowLook(language, "light", 1280, 800, scale=scale)
    assert find_display_problems_of_tour(tmp_path / "desk", sight, list_scenes_of_part(part)) == []


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("size", WINDOW_SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_queues_show_the_deciding_columns(
    qapp: QApplication, tmp_path: Path, language: str, size: tuple[int, int]
) -> None:
    """In a window of a usual size, no queue scrolls sideways, and the columns that a person needs for a decision are
    visible: age, amount, state, certainty (unless the queue's name states it) and cause. In the queue of unknown
    records the provider is also visible.
    """
    with open_stage(tmp_path / "desk", WindowLook(language, "light", *size)) as stage:
        for queue in RECORD_QUEUE_NAMES:
            stage.show_route(QueuesRoute(queue))
            table = stage.find(QueuesPage).table
            assert table.horizontalScrollBar().maximum() == 0, queue
            visible = {column.key for place, column in enumerate(table.rows.columns) if _is_visible(table, place)}
            expected = {column.key for column in table.rows.columns if column.key in ALWAYS_VISIBLE_COLUMNS}
            if queue == "unknown":
                expected |= {"provider"}
            assert expected <= visible, queue
            assert find_faults() == [], queue


def test_queues_keep_their_texts_at_larger_text_in_wide_windows(qapp: QApplication, tmp_path: Path) -> None:
    """In wide windows at a text size of 150 %, no queue cuts off a text or scrolls sideways. At 100 %, the narrower
    of these windows also shows the panel beside the list.
    """
    with open_stage(tmp_path / "desk", WindowLook("ja", "light", 1440, 900)) as stage:
        stage.show_route(QueuesRoute("review"))
        assert stage.find(QueuesPage).preview.isVisible()
        current_appearance().set_text_scale(1.5)
        stage.wait_until_idle()
        for size, queue in product(WINDOW_SIZES[1:], RECORD_QUEUE_NAMES):
            stage.window.resize(*size)
            stage.show_route(QueuesRoute(queue))
            assert stage.find(QueuesPage).table.horizontalScrollBar().maximum() == 0, (size, queue)
            assert find_faults() == [], (size, queue)


def _is_visible(table: FittedTable, column_index: int) -> bool:
    """True if the column is completely visible."""
    right = table.columnViewportPosition(column_index) + table.columnWidth(column_index)
    return (
        not table.isColumnHidden(column_index)
        and table.columnWidth(column_index) > 24
        and right <= table.viewport().width()
    )


@pytest.mark.parametrize("place", ["payment", "queue"])
def test_a_new_text_size_changes_the_layout_at_once(qapp: QApplication, tmp_path: Path, place: str) -> None:
    """If the text size of an open window is changed, the window changes its layout immediately: at 150 %, at 200 %,
    and again at 100 % no text is cut off.
    """
    with open_stage(tmp_path / "desk", WindowLook("en", "light", 1280, 800)) as stage:
        payment_id = stage.desk.list_payments("refund_unknown")[-1].id
        stage.show_route(PaymentRoute(payment_id) if place == "payment" else QueuesRoute("unknown"))
        for scale in (1.5, 2.0, 1.0):
            current_appearance().set_text_scale(scale)
            stage.wait_until_idle()
            assert find_faults() == [], scale


# ---- what the search for faults finds


class WidgetThatPaintsNearEdge(QWidget):
    """A widget that paints a text with its baseline 2 px above its lower edge, so that descenders are cut off."""

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(current_appearance().font("title"))
        painter.drawText(4, self.height() - 2, "Approvals")


def test_a_cut_descender_is_found(qtbot: QtBot) -> None:
    """The check finds a descender that is cut off, both in a label that Qt paints and in a widget that paints
    itself.
    """
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(300, 120)
    label = QLabel("Approvals", window)
    label.setFont(current_appearance().font("title"))
    label.setGeometry(0, 0, 200, 18)
    WidgetThatPaintsNearEdge(window).setGeometry(0, 40, 200, 40)
    window.show()
    problems = find_faults()
    assert [fault.split(":")[0] for fault in problems] == ["QLabel", "WidgetThatPaintsNearEdge"]
    label.setGeometry(0, 0, 200, 30)
    assert [fault.split(":")[0] for fault in find_faults()] == ["WidgetThatPaintsNearEdge"]


def make_money_panel(amount: str) -> MoneyPanel:
    """Return a money panel without links, whose amounts are `amount`."""
    panel = MoneyPanel("Money", margins=(4, 4, 4, 4))
    parts = (MoneyPart("Paid", amount, 1, "solid"), MoneyPart("Refunded", amount, 1, "hatch"))
    panel.show_money_parts(parts, MoneyPart("Refundable", amount, 1, "empty"))
    return panel


@pytest.mark.parametrize("scale", [1.0, 1.25, 1.5, 1.75, 2.0])
def test_a_label_that_paints_itself_is_cut_only_without_room(qtbot: QtBot, scale: float) -> None:
    """The check reports no fault for a label that paints its text itself if the text has room, although Qt would
    place the letters up to 1 px apart. It reports the label if it is 2 px too narrow or too short.
    """
    current_appearance().set_text_scale(scale)
    for amount in ("¥0", "−¥1", "¥999,999,999,999", "₹12,34,567.89", "−₹0.07"):
        panel = make_money_panel(amount)
        qtbot.addWidget(panel)
        panel.resize(1200, 200)
        panel.show()
        assert find_faults() == [], amount
        label = panel.refundable_amount_label
        ink = measure_label_ink(label)
        for width, height in ((ink.width() - 2, label.height()), (label.width(), ink.height() - 2)):
            label.setFixedSize(width, height)
            assert {fault.split(":")[0] for fault in find_faults()} == {"_AmountLabel"}, amount
        panel.hide()


def test_a_cut_word_on_a_coloured_ground_is_reported(qtbot: QtBot) -> None:
    """The check reports a label with a coloured background, such as the one with the name of the environment, if its
    text has too little room.
    """
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(300, 60)
    label = EnvironmentLabel("PRODUCTION", "production", parent=window)
    label.adjustSize()
    window.show()
    assert find_faults() == []
    label.resize(label.width() - 30, label.height())
    assert [fault.split(":")[0] for fault in find_faults()] == ["EnvironmentLabel"]


def test_a_widget_outside_its_parent_is_reported(qtbot: QtBot) -> None:
    """The check reports a widget that extends beyond its parent, and an area that scrolls sideways."""
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(300, 200)
    QLabel("Amount", window).setGeometry(280, 0, 60, 20)
    area = QScrollArea(window)
    area.setGeometry(0, 40, 200, 100)
    wide = QWidget()
    wide.setFixedSize(400, 50)
    area.setWidget(wide)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    window.show()
    assert [fault.split(":")[0] for fault in find_faults()] == ["QLabel", "QScrollArea", "QWidget"]


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_button_that_touches_the_text_above_it_is_reported(qtbot: QtBot, scale: float) -> None:
    """The check accepts the button in the panel of a record's side, which has a gap to the text above it. Without the
    gap it reports the button.
    """
    current_appearance().set_text_scale(scale)
    side = RecordSideState("PayPay", "No valid answer", "question", "unknown", age_text="started 15:38")
    strip, button = RecordSideStrip([side], "Sides"), KeyButton("Probe", kind="inline")
    strip.panels[0].add_tool(button)
    qtbot.addWidget(strip)
    strip.show()
    assert [fault for fault in find_faults() if "touches" in fault] == []
    (row,) = (part for part in strip.panels[0].children() if part is button.parentWidget())
    assert isinstance(row, QWidget)
    row.move(row.x(), row.y() - 4)
    assert [fault for fault in find_faults() if "touches" in fault] == [
        "KeyButton: touches the text above it: 'started 15:38'"
    ]


def test_a_control_without_an_accessible_name_is_reported(qtbot: QtBot) -> None:
    """The check reports a button without an accessible name, a painted word without one, and a window without a
    first-level heading.
    """
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    install_accessibility(app)
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(400, 200)
    button, painted = QPushButton(window), WidgetThatPaintsNearEdge(window)
    painted.setGeometry(0, 40, 200, 40)
    window.show()
    assert find_accessibility_faults(window) == [
        "Button without a name",
        "the first heading, and no other one, must have the level 1: []",
        "is never spoken: 'Approvals' of WidgetThatPaintsNearEdge",
    ]
    button.setText("Probe")
    painted.setAccessibleName("Approvals")
    title = TitleLabel("Queues")
    title.setParent(window)
    title.show()
    assert find_accessibility_faults(window) == []


class DialogThatCancelsOnEnter(DialogFrame):
    """A dialog in which Enter cancels, wherever the focus is."""

    def _handle_enter_key(self) -> None:
        self.reject()


def test_an_enter_that_cancels_is_found(qtbot: QtBot) -> None:
    """The check of the Enter key reports a dialog that Enter in a field closes, and no correct dialog."""
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(900, 600)
    window.show()
    for kind, faults in (
        (DialogFrame, []),
        (DialogThatCancelsOnEnter, ["DialogThatCancelsOnEnter: Enter in Name closes the dialog"]),
    ):
        dialog = kind("Save", main_button_text="Save", parent=window)
        dialog.show_content(Field("Name"))
        dialog.open()
        qtbot.waitUntil(dialog.isVisible)
        assert find_enter_faults() == faults
        dialog.hide()
