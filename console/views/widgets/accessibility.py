"""The accessibility tree of the window, where Qt's own differs from what is on the screen.

Qt calls painted widgets "filler", lists children in the order of their creation, and leaves hidden pages in the tree.
`install_accessibility` replaces the interfaces of plain widgets: their children are the visible ones in reading
order, and their role is the attribute `accessible_role` of their class, if it has one. A named container is a group.
"""

from typing import Any

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import (
    QAccessible,
    QAccessibleActionInterface,
    QAccessibleAttributesInterface,
    QAccessibleInterface,
)
from PySide6.QtWidgets import QAccessibleWidget, QApplication, QFocusFrame, QLabel, QMenu, QTabBar, QWidget
from shiboken6 import VoidPtr

_PLAIN_CLASSES = {
    "QWidget": QAccessible.Role.Client,
    "QFrame": QAccessible.Role.Client,
    "QScrollArea": QAccessible.Role.Client,
    "QStackedWidget": QAccessible.Role.Client,
    "QMainWindow": QAccessible.Role.Window,
    "QDialog": QAccessible.Role.Dialog,
}
_installed_in: list[QApplication] = []


def install_accessibility(app: QApplication) -> None:
    """Use this module's accessibility interfaces in the application, from now on."""
    if app not in _installed_in:
        QAccessible.installFactory(_make_interface)
        _installed_in.append(app)


def _make_interface(class_name: str, thing: QObject) -> QAccessibleInterface | None:
    """Return our interface for a widget; None if the one of Qt serves. Qt asks first with the name of the widget's
    class, then with those of its base classes.
    """
    if not isinstance(thing, QWidget):
        return None
    if isinstance(thing, TabNode):
        return _TabInterface(thing)
    role = getattr(thing, "accessible_role", _PLAIN_CLASSES.get(class_name))
    if role == QAccessible.Role.Heading:
        return _HeadingInterface(thing)
    return None if role is None else _VisibleWidget(thing, role)


class TabNode(QWidget):
    """An invisible widget over one tab of a tab bar, for the accessibility tree alone: Qt's own node of the current
    tab always says that it has the focus.
    """

    def __init__(self, tabs: QTabBar, number: int) -> None:
        super().__init__(tabs)
        self.tabs, self.number = tabs, number
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    @property
    def is_current(self) -> bool:
        return self.tabs.currentIndex() == self.number


class _TabInterface(QAccessibleWidget):
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
            node.tabs.setCurrentIndex(node.number)


class _HeadingAttributes(QAccessibleAttributesInterface):
    """Tells screen readers the level of a heading."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def attributeKeys(self) -> list[QAccessible.Attribute]:
        return [QAccessible.Attribute.Level]

    def attributeValue(self, key: QAccessible.Attribute) -> Any:
        return self._level if key == QAccessible.Attribute.Level else None


class _VisibleWidget(QAccessibleWidget):
    """A widget whose children are its visible child widgets, in the order in which they are read.

    It keeps no reference to the widget: with a screen reader, Qt asks for the interface of some widgets inside their
    constructors, where PySide knows only the base class, and would go on with that.
    """

    def __init__(self, widget: QWidget, role: QAccessible.Role) -> None:
        super().__init__(widget, role)
        self._own_role = role

    def role(self) -> QAccessible.Role:
        is_plain = self._own_role == QAccessible.Role.Client
        # The name may be that of a label whose buddy the widget is, as in a list of facts.
        return QAccessible.Role.Grouping if is_plain and self.text(QAccessible.Text.Name) else self._own_role

    def state(self) -> QAccessible.State:
        """Return the state. A widget that passes its focus on to another one never has it itself."""
        state = super().state()
        if self.widget().focusProxy() is not None:
            state.focusable = state.focused = False
        return state

    def childCount(self) -> int:
        return len(visible_children(self.widget()))

    def child(self, index: int) -> QAccessibleInterface | None:  # type: ignore[override]  # Qt allows null
        children = visible_children(self.widget())
        return QAccessible.queryAccessibleInterface(children[index]) if 0 <= index < len(children) else None

    def indexOfChild(self, interface: QAccessibleInterface) -> int:
        children, child = visible_children(self.widget()), interface.object()
        return children.index(child) if isinstance(child, QWidget) and child in children else -1


class _HeadingInterface(_VisibleWidget):
    """A heading, which has a level."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget, QAccessible.Role.Heading)
        self._attributes = _HeadingAttributes(getattr(widget, "heading_level", 1))

    def interface_cast(self, kind: QAccessible.InterfaceType) -> Any:
        """Return the interface of this kind. A null pointer says that there is none; PySide makes a wild pointer of
        None.
        """
        if kind == QAccessible.InterfaceType.AttributesInterface:
            return self._attributes
        found: Any = super().interface_cast(kind)  # the stubs know no None
        return VoidPtr(0) if found is None else found


def visible_children(widget: QWidget) -> list[QWidget]:
    """Return the visible child widgets that a screen reader reads, in reading order: line by line, each from left
    to right. Widgets belong to one line if one of them reaches over the middle of the other.
    """
    children = [
        child
        for child in widget.children()
        if isinstance(child, QWidget)
        and not child.isWindow()
        and child.isVisibleTo(widget)
        and not isinstance(child, QFocusFrame | QMenu)
        and not _says_nothing(child)
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


def _says_nothing(widget: QWidget) -> bool:
    """Return True for an icon beside its word, and for an empty label."""
    is_empty_label = isinstance(widget, QLabel) and not widget.text() and not widget.accessibleName()
    return is_empty_label or getattr(widget, "is_decoration", False)
