"""The accessibility tree of the window (the objects that a screen reader reads), where Qt's own tree differs from the
screen.

Qt gives painted widgets the role "filler", lists children in the order of their creation, and leaves hidden pages in
the tree. `install_accessibility` replaces the interfaces of plain widgets: their children are the visible child
widgets in reading order, and their role is the attribute `accessible_role` of their class. A plain widget without
this attribute has the role of a group if it has a name.
"""

import re
import weakref
from typing import Any

from PySide6.QtCore import QLocale, QObject, Qt
from PySide6.QtGui import (
    QAccessible,
    QAccessibleActionInterface,
    QAccessibleAttributesInterface,
    QAccessibleInterface,
)
from PySide6.QtWidgets import QAccessibleWidget, QApplication, QFocusFrame, QLabel, QMenu, QTabBar, QWidget
from shiboken6 import VoidPtr

from console.views.theme.design_tokens import Language
from console.wording.sentences.line_breaks import JAPANESE_LETTER_PATTERN

_ROLE_BY_PLAIN_CLASS = {
    "QWidget": QAccessible.Role.Client,
    "QFrame": QAccessible.Role.Client,
    "QScrollArea": QAccessible.Role.Client,
    "QStackedWidget": QAccessible.Role.Client,
    "QMainWindow": QAccessible.Role.Window,
    "QDialog": QAccessible.Role.Dialog,
}
_WINDOW_LANGUAGE_PROPERTY = "windowLanguage"
_LOCALE_BY_LANGUAGE: dict[Language, QLocale] = {
    "ja": QLocale(QLocale.Language.Japanese, QLocale.Country.Japan),
    "en": QLocale(QLocale.Language.English, QLocale.Country.UnitedStates),
}
_LATIN_LETTER_PATTERN = re.compile("[A-Za-z]")
_MIN_ENGLISH_LETTERS = 3
_apps_with_accessibility: list[QApplication] = []


def install_accessibility(app: QApplication) -> None:
    """Make Qt use this module's accessibility interfaces for the widgets of the application."""
    if app not in _apps_with_accessibility:
        QAccessible.installFactory(_make_interface)
        _apps_with_accessibility.append(app)


def _make_interface(class_name: str, target: QObject) -> QAccessibleInterface | None:
    """Return this module's accessibility interface for a widget; None if Qt's own interface is correct. Qt calls this
    first with the name of the widget's class, then with the names of its base classes."""
    if not isinstance(target, QWidget):
        return None
    if isinstance(target, TabNode):
        return _TabInterface(target)
    role = getattr(target, "accessible_role", _ROLE_BY_PLAIN_CLASS.get(class_name))
    return None if role is None else _VisibleChildrenInterface(target, role)


class TabNode(QWidget):
    """An invisible widget over one tab of a tab bar. Screen readers read it in place of Qt's own object for the tab,
    because Qt's own object for the current tab always reports that it has the focus."""

    def __init__(self, tabs: QTabBar, tab_index: int) -> None:
        super().__init__(tabs)
        self.tabs, self.tab_index = tabs, tab_index
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    @property
    def is_current(self) -> bool:
        return self.tabs.currentIndex() == self.tab_index


class _TabInterface(QAccessibleWidget):
    """The accessibility interface of a TabNode: a tab that a screen reader reads and can make current."""

    def __init__(self, node: TabNode) -> None:
        super().__init__(node, QAccessible.Role.PageTab)

    def state(self) -> QAccessible.State:
        state, node = super().state(), self.widget()
        if isinstance(node, TabNode):
            state.selectable, state.selected = True, node.is_current
            state.focusable, state.focused = True, node.is_current and node.tabs.hasFocus()
        return state

    def actionNames(self) -> list[str]:
        return [QAccessibleActionInterface.pressAction()]

    def doAction(self, name: str) -> None:
        node = self.widget()
        if name == QAccessibleActionInterface.pressAction() and isinstance(node, TabNode):
            node.tabs.setCurrentIndex(node.tab_index)


class _TextAttributes(QAccessibleAttributesInterface):
    """The accessibility attributes of a widget: the language in which its name is spoken and, for a heading, its
    level."""

    def __init__(self, interface: QAccessibleInterface, heading_level: int | None) -> None:
        super().__init__()
        self._interface, self._heading_level = weakref.ref(interface), heading_level

    def attributeKeys(self) -> list[QAccessible.Attribute]:
        level_keys = [] if self._heading_level is None else [QAccessible.Attribute.Level]
        return [*level_keys, QAccessible.Attribute.Locale]

    def attributeValue(self, key: QAccessible.Attribute) -> Any:
        if key == QAccessible.Attribute.Locale:
            interface = self._interface()
            name = "" if interface is None else interface.text(QAccessible.Text.Name)
            return _LOCALE_BY_LANGUAGE[find_spoken_language(name, _get_window_language())]
        return self._heading_level if key == QAccessible.Attribute.Level else None


def set_window_language(language: Language) -> None:
    """Set the language in which screen readers read the window's own texts."""
    app = QApplication.instance()
    if app is not None:
        app.setProperty(_WINDOW_LANGUAGE_PROPERTY, language)


def _get_window_language() -> Language:
    app = QApplication.instance()
    return "ja" if app is not None and app.property(_WINDOW_LANGUAGE_PROPERTY) == "ja" else "en"


def find_spoken_language(text: str, window_language: Language) -> Language:
    """Return the language in which a screen reader speaks `text`. This is the language of the window, unless most of
    the text is in the other language, such as a Japanese reason in an English window. In an English window, a
    Japanese letter counts as two Latin letters. In a Japanese window, a text with a Japanese letter is never English.
    Identifiers, which are mostly digits, are spoken in the language of the window."""
    japanese_count = len(JAPANESE_LETTER_PATTERN.findall(text))
    latin_count = len(_LATIN_LETTER_PATTERN.findall(text))
    if window_language == "en":
        return "ja" if japanese_count and 2 * japanese_count >= latin_count else "en"
    digit_count = sum(character.isdigit() for character in text)
    is_english = not japanese_count and latin_count >= _MIN_ENGLISH_LETTERS and latin_count > digit_count
    return "en" if is_english else "ja"


class _VisibleChildrenInterface(QAccessibleWidget):
    """The accessibility interface of a widget. Its children are the visible child widgets, in reading order.

    The class stores no reference to the widget. If a screen reader runs, Qt requests the interface of some widgets
    inside their constructors, when PySide knows only the base class of the widget; a reference that is stored at that
    time would remain an object of the base class.
    """

    def __init__(self, widget: QWidget, role: QAccessible.Role) -> None:
        super().__init__(widget, role)
        self._own_role = role
        is_heading = role == QAccessible.Role.Heading
        self._attributes = _TextAttributes(self, getattr(widget, "heading_level", 1) if is_heading else None)

    def role(self) -> QAccessible.Role:
        is_plain = self._own_role == QAccessible.Role.Client
        # The name may be that of a label whose buddy the widget is, as in a list of facts.
        return QAccessible.Role.Grouping if is_plain and self.text(QAccessible.Text.Name) else self._own_role

    def state(self) -> QAccessible.State:
        """Return the state that a screen reader reads. A widget that passes its focus to another widget never
        reports that it has the focus."""
        state = super().state()
        if self.widget().focusProxy() is not None:
            state.focusable = state.focused = False
        return state

    def childCount(self) -> int:
        return len(list_visible_children(self.widget()))

    def child(self, index: int) -> QAccessibleInterface | None:  # type: ignore[override]  # Qt allows null
        children = list_visible_children(self.widget())
        return QAccessible.queryAccessibleInterface(children[index]) if 0 <= index < len(children) else None

    def indexOfChild(self, interface: QAccessibleInterface) -> int:
        children, child = list_visible_children(self.widget()), interface.object()
        return children.index(child) if isinstance(child, QWidget) and child in children else -1

    def interface_cast(self, kind: QAccessible.InterfaceType) -> Any:
        """Return the additional interface of this kind, such as the interface that reads the attributes. If there is
        no such interface, return a null pointer, because PySide turns None into an invalid pointer."""
        if kind == QAccessible.InterfaceType.AttributesInterface:
            return self._attributes
        interface: Any = super().interface_cast(kind)  # the stubs know no None
        return VoidPtr(0) if interface is None else interface


def list_visible_children(widget: QWidget) -> list[QWidget]:
    """Return the visible child widgets that a screen reader reads, in reading order: line by line, each line from
    left to right. A widget belongs to a line if its vertical middle is above the bottom of the line's first
    widget."""
    children = [
        child
        for child in widget.children()
        if isinstance(child, QWidget)
        and not child.isWindow()
        and child.isVisibleTo(widget)
        and not isinstance(child, QFocusFrame | QMenu)
        and not _has_no_spoken_text(child)
    ]
    # The buttons that scroll a tab bar are for the mouse: the arrow keys reach every tab.
    if isinstance(widget, QTabBar):
        children = [child for child in children if isinstance(child, TabNode)]
    lines: list[list[QWidget]] = []
    for child in sorted(children, key=lambda child: child.y()):
        middle = child.y() + child.height() / 2
        if lines and (lines[-1][0].geometry().bottom() > middle):
            lines[-1].append(child)
        else:
            lines.append([child])
    return [child for line in lines for child in sorted(line, key=lambda child: child.x())]


def _has_no_spoken_text(widget: QWidget) -> bool:
    """Return True for a widget that a screen reader skips: an icon next to a word, or an empty label."""
    is_label = isinstance(widget, QLabel) and not widget.text()
    is_text = getattr(widget, "accessible_role", None) == QAccessible.Role.StaticText
    is_empty = (is_label or (is_text and not isinstance(widget, QLabel))) and not widget.accessibleName()
    return is_empty or getattr(widget, "is_decoration", False)
