"""The socket at which the running window of a person receives links: its name, and a function that sends a link to
it. This module doesn't import Qt, so that the command that opens a link is quick."""

import hashlib
import os
import socket
import stat
import sys
import tempfile
from pathlib import Path

LINK_SHOWN_ANSWER = b"shown\n"
LINK_REFUSED_ANSWER = b"refused\n"
MAX_LINK_MESSAGE_BYTES = 256
LINK_ANSWER_TIMEOUT_SECONDS = 3.0
_SOCKET_FOLDER_MODE = 0o700
_MAX_FOLDER_PATH_CHARACTERS = 40
"""Largest length of the path in XDG_RUNTIME_DIR, in which the socket's folder is created. With a longer one, the path
of the socket would be longer than the operating systems allow (about 100 bytes); the folder of temporary files is
used then.
"""


def make_socket_name(home: Path) -> str:
    """Return the name of the socket of the window with this home folder: a path in a folder that only the current
    user can access; on Windows the name of a pipe. Raises OSError if such a folder can't be created, or if the
    existing one belongs to another user or is open to others."""
    digest = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:24]
    if sys.platform == "win32":
        return f"support-console-{digest}"
    return str(_make_socket_folder() / f"{digest}.sock")


def _make_socket_folder() -> Path:
    """Return the folder of the socket, which belongs to the current user and which no other user can access;
    create it if it is missing. The socket is not in the home folder, because the operating system limits the length
    of a socket's path, and the path of the home folder may exceed this limit. Raises OSError if the folder belongs to
    another user or is open to others.
    """
    parent_folder = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = (
        Path(parent_folder if 0 < len(parent_folder) <= _MAX_FOLDER_PATH_CHARACTERS else tempfile.gettempdir())
        / f"support-console-{os.getuid()}"
    )
    folder.mkdir(mode=_SOCKET_FOLDER_MODE, exist_ok=True)
    folder_status = folder.lstat()
    if (
        not stat.S_ISDIR(folder_status.st_mode)
        or folder_status.st_uid != os.getuid()
        or folder_status.st_mode & 0o077
    ):
        raise PermissionError(f"{folder} is not private")
    return folder


def send_link(home: Path, link: str) -> bool:
    """Send a link to the running window with this home folder. Return True if the window answers that it shows the
    link; False if it doesn't, or if no window is running."""
    message = f"{link}\n".encode()
    try:
        name = make_socket_name(home)
        answer = _send_by_pipe(name, message) if sys.platform == "win32" else _send_by_socket(name, message)
    except OSError:
        return False
    return answer == LINK_SHOWN_ANSWER


def _send_by_socket(path: str, message: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(LINK_ANSWER_TIMEOUT_SECONDS)
        client.connect(path)
        client.sendall(message)
        return client.recv(MAX_LINK_MESSAGE_BYTES)


def _send_by_pipe(pipe_name: str, message: bytes) -> bytes:
    with Path(rf"\\.\pipe\{pipe_name}").open("r+b", buffering=0) as pipe:
        pipe.write(message)
        return pipe.read(MAX_LINK_MESSAGE_BYTES) or b""
