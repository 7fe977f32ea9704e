"""Stops the garbage collection while modules are loaded."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Stop Python's automatic garbage collection until the end of the block. Imports create objects that are never
    garbage, and searching them would take 3 to 5 % of the CPU time of a start. After its imports the window starts
    garbage collections itself (`console.views.app.garbage_collection`); a command uses Python's automatic ones again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
