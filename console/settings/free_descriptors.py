"""Tells whether this process can open further files and connections."""

import errno
import os

_NO_DESCRIPTOR_ERROR_NUMBERS = (errno.EMFILE, errno.ENFILE)


def has_free_descriptor() -> bool:
    """Return False if the operating system gives this process no further file descriptor now. SQLite and the clients
    of servers don't tell this cause from a missing file or an unreachable server."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in _NO_DESCRIPTOR_ERROR_NUMBERS
    return True
