"""The window of the program: pages, dialogs and widgets. It is the only package that imports Qt."""

import sys

import PySide6  # noqa: F401  # loads shibokensupport


def _stop_pyside_source_search() -> None:
    """Stop PySide from searching the source of each imported module for the text "PySide6".

    PySide searches to know whether a module may use `from __feature__ import …` (shibokensupport/feature.py); no
    module of this program does. Without this function, each source file is read and Python's linecache keeps all of
    its lines. This costs 18 MB, and a tenth of the processor time until the first rows of a list are visible. The
    function replaces a private function of PySide; it does nothing if the installed version of PySide lacks that
    function.
    """
    feature = sys.modules.get("shibokensupport.feature")
    if feature is not None and hasattr(feature, "_mod_uses_pyside"):
        feature._mod_uses_pyside = lambda _module: False  # type: ignore[attr-defined]  # private


_stop_pyside_source_search()
