"""Deletes the widgets that a test has left undeleted.

Python frees few of them, because a signal that is connected to a function of its own page has a reference to the
page. A change of the theme or of the text size applies the style to each widget of the process again, which takes
half a millisecond per widget. With the widgets of all earlier tests, such a change took seconds.
"""

import sys
from collections.abc import Collection
from typing import Any


def list_window_addresses() -> frozenset[int]:
    """Return the addresses of all top-level widgets. The result is empty if this process has no Qt application."""
    return frozenset(_find_windows_by_address())


def delete_new_windows(addresses_before: Collection[int]) -> None:
    """Delete the top-level widgets whose addresses aren't in `addresses_before`, with all their children.
    `addresses_before` has the widgets of longer-lived fixtures. A widget that Qt has made is deleted with its parent.
    """
    new = [window for address, window in _find_windows_by_address().items() if address not in addresses_before]
    if new:
        from PySide6.QtCore import QCoreApplication, QEvent
        from shiboken6 import Shiboken

        for window in filter(Shiboken.ownedByPython, new):
            window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def _find_windows_by_address() -> dict[int, Any]:
    """Return the top-level widgets by the address of their C++ object; nothing if there is no application."""
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is None or widgets.QApplication.instance() is None:
        return {}
    from shiboken6 import Shiboken

    return {Shiboken.getCppPointer(window)[0]: window for window in widgets.QApplication.topLevelWidgets()}
