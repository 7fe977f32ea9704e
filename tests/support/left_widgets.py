"""Deletes the widgets that a test has left.

Python frees few of them: a signal that is connected to a function of its own page keeps the page. A change of the
theme or of the text size styles each widget of the process again, which takes half a millisecond for each. With those
of all earlier tests it took seconds.
"""

import sys
from collections.abc import Collection
from typing import Any


def list_windows() -> frozenset[int]:
    """The addresses of the widgets that are windows; none where no test has begun with Qt."""
    return frozenset(_find_windows())


def delete_new(before: Collection[int]) -> None:
    """Delete the windows that aren't `before`, with all that is in them. Those of fixtures that last longer than a
    test are made before it begins; what Qt has made goes with its parent.
    """
    new = [window for address, window in _find_windows().items() if address not in before]
    if new:
        from PySide6.QtCore import QCoreApplication, QEvent
        from shiboken6 import Shiboken

        for window in filter(Shiboken.ownedByPython, new):
            window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def _find_windows() -> dict[int, Any]:
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is None or widgets.QApplication.instance() is None:
        return {}
    from shiboken6 import Shiboken

    return {Shiboken.getCppPointer(window)[0]: window for window in widgets.QApplication.topLevelWidgets()}
