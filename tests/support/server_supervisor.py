"""Owns the server processes of one test run: it starts them on request, and kills them when the run ends or crashes.

python -I -S server_supervisor.py FOLDER OWNER-PID

The command returns when the supervisor accepts requests; the supervisor continues in the background. It ends on
request, or when the owner's process has ended. Then it kills all processes that it has started and removes the
folder. If the supervisor itself is killed, the kernel kills its servers.

A request is one line of JSON over the socket FOLDER/supervisor, and so is its answer. The supervisor has one thread
and uses only the standard library.
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

SOCKET_NAME, PID_FILE_NAME = "supervisor", "supervisor.pid"
_MAX_WAIT_SECONDS = 300.0
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


class ServerSupervisor:
    """The server processes of the test run by name. Each of them leads a session of the operating system, by which
    its child processes are found.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def execute_request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Execute the request: `start` starts a server, `signal` sends it a signal, and any other request only reads.
        SIGKILL also kills the child processes of the server, and the method returns when the server has ended. Return
        the process id of the server (`pid`; None if it was never started) and its exit status (`code`; None while it
        runs)."""
        name = request["name"]
        match request["do"]:
            case "start":
                self._start_server(name, request["command"], request["environment"], request["user"])
            case "signal":
                self._signal_server(name, request["number"])
        return self._get_server_state(name)

    def _start_server(
        self, name: str, command: list[str], environment: dict[str, str], user: list[int] | None
    ) -> None:
        if self._get_server_state(name)["code"] is None and name in self._children:
            raise RuntimeError(f"{name} runs already")
        as_user: dict[str, Any] = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
        supervisor = os.getpid()

        def end_with_supervisor() -> None:
            _libc.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != supervisor:
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
                preexec_fn=end_with_supervisor,  # after the change of user, which would clear it
                **as_user,
            )
        self._children[name] = child

    def _signal_server(self, name: str, number: int) -> None:
        child = self._children[name]
        child.send_signal(number)
        if number == signal.SIGKILL:
            child.wait()
            _kill_processes([pid for pid in _list_own_children() if os.getsid(pid) == child.pid])

    def _get_server_state(self, name: str) -> dict[str, Any]:
        child = self._children.get(name)
        return {"pid": child.pid if child else None, "code": child.poll() if child else None}

    def end(self) -> None:
        """Kill all servers and the child processes of ended servers, wait until these processes have ended, and
        remove the folder.
        """
        for child in self._children.values():
            child.kill()
            child.wait()
        with suppress(ChildProcessError):  # there is none left
            while _kill_processes(_list_own_children()):
                os.waitpid(-1, 0)
        shutil.rmtree(self._folder, ignore_errors=True)


def _list_own_children() -> list[int]:
    """Return the process ids of the running servers. The result also has the child processes of ended servers,
    because this process has become their parent.
    """
    me = os.getpid()
    try:
        return [int(pid) for pid in Path(f"/proc/{me}/task/{me}/children").read_text().split()]
    except FileNotFoundError:  # a kernel built without this list
        return []


def _kill_processes(pids: list[int]) -> bool:
    """Send SIGKILL to each of these child processes. Return True if there was at least one. A child keeps its process
    id until this process has waited for it, so no other process can be hit.
    """
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return bool(pids)


def answer_requests(supervisor: ServerSupervisor, listener: socket.socket, owner: int) -> None:
    """Answer requests one after another, until a request ends the supervisor or the owner's process has ended."""
    while True:
        ready, _, _ = select.select([listener.fileno(), owner], [], [])
        if owner in ready:
            return supervisor.end()
        connection, _ = listener.accept()
        connection.settimeout(_MAX_WAIT_SECONDS)
        with connection, connection.makefile("rw") as line, suppress(OSError):
            if not _answer_one_request(supervisor, line):
                return None


def _answer_one_request(supervisor: ServerSupervisor, line: TextIO) -> bool:
    """Answer one request. Return False if it was the request to end the supervisor. If the request raises an
    exception, the answer has the exception's text under `trouble`, and the supervisor continues."""
    try:
        request = json.loads(line.readline())
        if request["do"] == "end":
            supervisor.end()
            line.write("{}\n")
            return False
        answer = supervisor.execute_request(request)
    except Exception as error:
        answer = {"trouble": f"{type(error).__name__}: {error}"}
    line.write(json.dumps(answer) + "\n")
    return True


def _fork_into_background(folder: Path) -> None:
    child = os.fork()
    if child:
        (folder / PID_FILE_NAME).write_text(str(child))
        os._exit(0)
    os.setsid()
    for stream in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)


def main(folder: Path, owner_pid: int) -> None:
    owner = os.pidfd_open(owner_pid)  # unlike the number it never comes to mean another process
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / SOCKET_NAME))
    listener.listen(64)
    _fork_into_background(folder)
    _libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    answer_requests(ServerSupervisor(folder), listener, owner)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
