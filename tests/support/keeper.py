"""Keeps the servers of one test run: starts them when asked, and ends them with the run, however that ends.

    python -I -S keeper.py FOLDER OWNER-PID

It returns once it listens, and goes on in the background. It ends when it is asked to, or when the owner's process
is gone: then it kills whatever it started and removes the folder. When it is killed itself, the kernel kills its
servers. A request is one line of JSON over the socket FOLDER/keeper, the answer is another. One thread, and the
standard library alone.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

SOCKET, PID = "keeper", "keeper.pid"
_PATIENCE_SECONDS = 300.0
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


class Keeper:
    """The servers by name; each leads a session of its own, so that its helpers are found with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """`start` and `signal` act; all of them tell the server's `pid` and, once it has ended, its `code`."""
        name = request["name"]
        match request["do"]:
            case "start":
                self._start(name, request["command"], request["environment"], request["user"])
            case "signal":
                self._signal(name, request["number"])
        return self._state(name)

    def _start(self, name: str, command: list[str], environment: dict[str, str], user: list[int] | None) -> None:
        if self._state(name)["code"] is None and name in self._children:
            raise RuntimeError(f"{name} runs already")
        as_user: dict[str, Any] = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
        keeper = os.getpid()

        def die_with_keeper() -> None:
            _libc.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != keeper:
                os._exit(1)

        with (self._folder / f"{name}.out").open("ab") as out:
            child = subprocess.Popen(
                command,
                env=environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=die_with_keeper,  # after the change of user, which would clear it
                **as_user,
            )
        self._children[name] = child

    def _signal(self, name: str, number: int) -> None:
        child = self._children[name]
        child.send_signal(number)
        if number == signal.SIGKILL:
            child.wait()
            _kill([pid for pid in _own_children() if os.getsid(pid) == child.pid])

    def _state(self, name: str) -> dict[str, Any]:
        child = self._children.get(name)
        return {"pid": child.pid if child else None, "code": child.poll() if child else None}

    def end(self) -> None:
        """Kill all, helpers that dead servers left behind included; wait until they are gone; remove the folder."""
        for child in self._children.values():
            child.kill()
            child.wait()
        with suppress(ChildProcessError):  # there is none left
            while _kill(_own_children()):
                os.waitpid(-1, 0)
        shutil.rmtree(self._folder, ignore_errors=True)


def _own_children() -> list[int]:
    """Servers, and what servers that ended left behind: this process adopts it."""
    me = os.getpid()
    try:
        return [int(pid) for pid in Path(f"/proc/{me}/task/{me}/children").read_text().split()]
    except FileNotFoundError:  # a kernel built without this list
        return []


def _kill(pids: list[int]) -> bool:
    """SIGKILL to each of these children (not reaped yet, it keeps its number): whether there was any."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return bool(pids)


def serve(keeper: Keeper, listener: socket.socket, owner: int) -> None:
    """Answer one request after the other until somebody asks for the end or the owner's process has ended."""
    while True:
        ready, _, _ = select.select([listener.fileno(), owner], [], [])
        if owner in ready:
            return keeper.end()
        connection, _ = listener.accept()
        connection.settimeout(_PATIENCE_SECONDS)
        with connection, connection.makefile("rw") as line, suppress(OSError):
            if not _served(keeper, line):
                return None


def _served(keeper: Keeper, line: TextIO) -> bool:
    """Answer one request; False when it was the last one. Trouble goes to whoever asked: the servers stay kept."""
    try:
        request = json.loads(line.readline())
        if request["do"] == "end":
            keeper.end()
            line.write("{}\n")
            return False
        answer = keeper.answer(request)
    except Exception as trouble:
        answer = {"trouble": f"{type(trouble).__name__}: {trouble}"}
    line.write(json.dumps(answer) + "\n")
    return True


def _into_the_background(folder: Path) -> None:
    child = os.fork()
    if child:
        (folder / PID).write_text(str(child))
        os._exit(0)
    os.setsid()
    for stream in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)


def main(folder: Path, owner_pid: int) -> None:
    owner = os.pidfd_open(owner_pid)  # unlike the number it never comes to mean another process
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / SOCKET))
    listener.listen(64)
    _into_the_background(folder)
    _libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    serve(Keeper(folder), listener, owner)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
