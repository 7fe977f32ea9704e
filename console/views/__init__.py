"""The window of the program: pages, dialogs and widgets. It is the only package that imports Qt."""

import sys

import PySide6  # noqa: F401  # loads shibokensupport


def _stop_reading_sources() -> None:
    """End PySide's search for "PySide6" in the source of each module that this process imports.

    PySide searches to know whether a module may use `from __feature__ import …` (shibokensupport/feature.py); no
    module of this program does. The search reads every source file, and Python's linecache keeps all lines: 18 MB
    and a tenth of the processor time until the first rows of a list are visible. The function is private to PySide:
    if another version doesn't have it, nothing is replaced.
    """
    feature = sys.modules.get("shibokensupport.feature")
    if feature is not None and hasattr(feature, "_mod_uses_pyside"):
        feature._mod_uses_pyside = lambda _module: False  # type: ignore[attr-defined]  # private


_stop_reading_sources()
