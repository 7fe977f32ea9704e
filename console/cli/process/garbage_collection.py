"""Stops the garbage collection while modules are loaded."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_MOST_OBJECTS_FROZEN_BY_PYTHON: Final = 1_000
"""Python 3.12 starts with 375 objects of its own that are frozen, as after gc.freeze; 3.11 and 3.13 start with none.
A gc.freeze of this process freezes tens of thousands."""


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Stop Python's automatic garbage collection until the end of the block. Imports create objects that are never
    garbage, and searching them would take 3 to 5 % of the CPU time of a start. After its imports the window starts
    garbage collections itself (`console.views.app.garbage_collection`); a command uses Python's automatic ones again.

    At the end of the block the existing objects go to the oldest generation, which Python seldom searches. Otherwise
    the first automatic collection after the block would search all of them, for 30 to 60 ms.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            # An earlier gc.freeze of this process must keep its effect.
            if gc.get_freeze_count() <= _MOST_OBJECTS_FROZEN_BY_PYTHON:
                gc.freeze()
                gc.unfreeze()
            gc.enable()
