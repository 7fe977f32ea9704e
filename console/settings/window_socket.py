"""The socket at which the running window of one person receives links: its path, and sending to it. Without Qt, so
that the command is quick.
"""

import hashlib
import os
import socket
import stat
import sys
import tempfile
from pathlib import Path

ANSWER_SHOWN, ANSWER_REFUSED = b"shown\n", b"refused\n"
MAX_MESSAGE_BYTES = 256
TIMEOUT_SECONDS = 3.0
_FOLDER_MODE = 0o700
_MAX_BASE_CHARACTERS = 40
"""A longer path would make the path of the socket longer than the operating systems allow (about 100 bytes)."""


def socket_name(home: Path) -> str:
    """Return the name of the socket of the window with this home: a path in a folder that only this user may enter;
    on Windows the name of a pipe. Raises OSError if there is no such folder.
    """
    digest = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:24]
    if sys.platform == "win32":
        return f"support-console-{digest}"
    return str(_private_folder() / f"{digest}.sock")


def _private_folder() -> Path:
    """Return a folder that belongs to this user and that nobody else may enter. Not the home: its path may be longer
    than the path of a socket may be. Raises OSError if somebody else has made the folder.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = (
        Path(base if 0 < len(base) <= _MAX_BASE_CHARACTERS else tempfile.gettempdir())
        / f"support-console-{os.getuid()}"
    )
    folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not private")
    return folder


def send_link(home: Path, link: str) -> bool:
    """Send a link to the running window with this home. Return False if there is none, or if it doesn't answer that
    it shows the link.
    """
    message = f"{link}\n".encode()
    try:
        name = socket_name(home)
        answer = _send_by_pipe(name, message) if sys.platform == "win32" else _send_by_socket(name, message)
    except OSError:
        return False
    return answer == ANSWER_SHOWN


def _send_by_socket(path: str, message: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_SECONDS)
        client.connect(path)
        client.sendall(message)
        return client.recv(MAX_MESSAGE_BYTES)


def _send_by_pipe(name: str, message: bytes) -> bytes:
    with Path(rf"\\.\pipe\{name}").open("r+b", buffering=0) as pipe:
        pipe.write(message)
        return pipe.read(MAX_MESSAGE_BYTES) or b""
