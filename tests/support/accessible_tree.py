"""Reads the accessibility tree of a window, which screen readers read, and finds nodes without a name."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QWidget

Role = QAccessible.Role
CONTROL_ROLES = {
    Role.Button, Role.ButtonMenu, Role.ButtonDropDown, Role.CheckBox, Role.RadioButton, Role.ComboBox,
    Role.EditableText, Role.Link, Role.List, Role.Table, Role.PageTab, Role.PageTabList, Role.Dialog, Role.Pane,
    Role.Grouping, Role.Heading, Role.SpinBox,
}  # fmt: skip
"""Roles of nodes that must have a name."""
_MAX_CELLS_PER_TABLE = 60


def list_visible_nodes(node: QAccessibleInterface | None) -> Iterator[QAccessibleInterface]:
    """Yield this node and all visible nodes below it, parents before their children. For a table, which may have
    thousands of cells, only the focused cell is yielded.
    """
    if node is None or not node.isValid() or node.state().invisible:
        return
    yield node
    children = (node.child(place) for place in range(node.childCount()))
    if node.role() == Role.Table:
        yield from (child for child in children if child.isValid() and child.state().focused)
        return
    for child in children:
        yield from list_visible_nodes(child)


def find_tree_problems(nodes: Sequence[QAccessibleInterface]) -> list[str]:
    """Return one line for each fault: a control, column header or row without a name, a painted word that screen
    readers skip, or a heading with a wrong level. `nodes` are the nodes that `list_visible_nodes` yields for one
    window or dialog.
    """
    faults = [
        f"{node.role().name} without a name"
        for node in nodes
        if node.role() in CONTROL_ROLES and not get_spoken_name(node)
    ]
    fillers = (node for node in nodes if node.role() in (Role.Client, Role.NoRole))
    faults += [f"has the role of a filler: {get_spoken_name(node)!r}" for node in fillers if get_spoken_name(node)]
    for table in (node for node in nodes if node.role() == Role.Table):
        faults += [f"{role.name} without a name in {get_spoken_name(table)!r}" for role in _list_unnamed_cells(table)]
    levels = [get_heading_level(node) for node in nodes if node.role() == Role.Heading]
    if levels[:1] != [1] or levels.count(1) != 1:
        faults.append(f"the first heading, and no other one, must have the level 1: {levels}")
    if any(after > before + 1 for before, after in pairwise(levels)):
        faults.append(f"a heading level is left out: {levels}")
    return faults


def find_unspoken_texts(nodes: Sequence[QAccessibleInterface], drawn: Iterable[tuple[QWidget, str]]) -> list[str]:
    """Return one line for each text that a widget paints (`drawn`) but screen readers skip. A text is skipped if no
    node in `nodes` that belongs to the widget, or to a widget around it, has a name.
    """
    named = {node.object() for node in nodes if get_spoken_name(node)}
    unspoken = (
        (type(widget).__name__, text) for widget, text in drawn if not named & _list_widget_and_parents(widget)
    )
    return [f"is never spoken: {text!r} of {name}" for name, text in unspoken]


def _list_widget_and_parents(widget: QWidget) -> set[QObject]:
    """Return the widget and the widgets that contain it, without the window."""
    chain: set[QObject] = set()
    around: QWidget | None = widget
    while around is not None and not around.isWindow():
        chain.add(around)
        around = around.parentWidget()
    return chain


def _list_unnamed_cells(table: QAccessibleInterface) -> Iterator[QAccessible.Role]:
    """Yield the role of each visible column header without a name, and of the first cell of each row without a name.
    Screen readers use the name of the first cell as the sentence of the whole row. Other cells may be empty.
    """
    previous_role = Role.NoRole
    for place in range(min(table.childCount(), _MAX_CELLS_PER_TABLE)):
        cell = table.child(place)
        if not cell.isValid():
            continue
        is_first_in_row = cell.role() == Role.Cell and previous_role != Role.Cell
        is_column_header = cell.role() == Role.ColumnHeader and not cell.state().invisible
        if (is_first_in_row or is_column_header) and not get_spoken_name(cell):
            yield cell.role()
        previous_role = cell.role()


def get_spoken_name(node: QAccessibleInterface) -> str:
    """Return the name that a screen reader speaks."""
    return node.text(QAccessible.Text.Name)


def get_heading_level(node: QAccessibleInterface) -> int:
    """Return the level of a heading, from 1."""
    attributes = node.attributesInterface()
    assert attributes is not None, f"no level: {get_spoken_name(node)}"
    return int(attributes.attributeValue(QAccessible.Attribute.Level))
