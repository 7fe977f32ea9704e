"""A minimal screen reader for tests. It is a client of AT-SPI that reads the accessibility tree of a program, with a
private session bus and X server.

It needs the Debian packages at-spi2-core, dbus-daemon and xvfb; `find_missing_programs` names the missing ones.
"""

import os
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from jeepney import DBusAddress, MatchRule, Message, message_bus, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from tests.support.waiting import MAX_WAIT_SECONDS

_LAUNCHER_PATHS = (Path("/usr/libexec/at-spi-bus-launcher"), Path("/usr/lib/at-spi2-core/at-spi-bus-launcher"))
_ACCESSIBLE_INTERFACE = "org.a11y.atspi.Accessible"
_REGISTRY_BUS_NAME = "org.a11y.atspi.Registry"
_ROOT_REFERENCE = (_REGISTRY_BUS_NAME, "/org/a11y/atspi/accessible/root")
ANSWER_WAIT_SECONDS = MAX_WAIT_SECONDS
"""Longest time (seconds) of the wait for one answer on the bus."""
MAX_PROGRAM_WAIT_SECONDS = 600
"""Longest time (seconds) of the wait for a node or an announcement of the program, on a machine with a high load. The
wait ends at once if the program has ended.
"""
_READ_INTERVAL_SECONDS = 1
_FOCUSED_BIT, _SHOWING_BIT = 12, 25
_ANNOUNCEMENT_MATCH_RULE = MatchRule(type="signal", interface="org.a11y.atspi.Event.Object", member="Announcement")
NodeReference = tuple[str, str]
"""Name of the program on the bus, and path of the node in this program."""


@dataclass(frozen=True, slots=True)
class AccessibleNode:
    """One node of a program's accessibility tree: its role (the name in AT-SPI), its name, and two of its states."""

    role: str
    name: str
    is_focused: bool
    is_showing: bool
    reference: NodeReference = field(compare=False)


def find_missing_programs() -> str:
    """Return a sentence that names the programs for AT-SPI that this machine lacks, or "" if it has all of them."""
    programs = [name for name in ("dbus-daemon", "Xvfb") if shutil.which(name) is None]
    if not any(launcher.exists() for launcher in _LAUNCHER_PATHS):
        programs.append("at-spi-bus-launcher (Debian: at-spi2-core)")
    return f"AT-SPI needs {', '.join(programs)}" if programs else ""


class ScreenReader:
    """Reads the accessibility tree of the only program on a private bus, presses nodes of the tree, and receives the
    program's announcements.
    """

    def __init__(self, bus: DBusConnection) -> None:
        self._bus = bus
        self.program: subprocess.Popen[bytes] | None = None
        self._call_method(
            (_REGISTRY_BUS_NAME, "/org/a11y/atspi/registry"),
            _REGISTRY_BUS_NAME,
            "RegisterEvent",
            "sass",
            ("object:", [], ""),
        )
        bus.send_and_get_reply(message_bus.AddMatch(_ANNOUNCEMENT_MATCH_RULE))

    def list_nodes(self) -> list[AccessibleNode]:
        """Return the nodes of the program, parents before their children. Return an empty list while the program has
        no window.
        """
        return [self._read_node(reference) for reference in self._iterate_references()]

    def list_toasts(self) -> list[str]:
        """Return the names of the toasts that the window shows. The method reads only the direct children of the
        window, because a toast soon disappears and reading the whole tree takes long.
        """
        windows = [
            window for program in self._list_children(_ROOT_REFERENCE) for window in self._list_children(program)
        ]
        nodes = [self._read_node(child) for window in windows for child in self._list_children(window)]
        return [node.name for node in nodes if node.role == "notification" and node.is_showing]

    def wait_for_node(self, role: str, name: str, *, is_shown: bool = False) -> AccessibleNode:
        """Wait for a node with this role whose name begins with `name`, and return the first one. With `is_shown`,
        return the first one that the program shows. The method reads only the needed properties of each node, because
        each read delays the program.

        Raises AssertionError if there is no such node after MAX_PROGRAM_WAIT_SECONDS.
        """
        deadline = time.monotonic() + MAX_PROGRAM_WAIT_SECONDS
        while self._may_wait(deadline):
            for reference in self._iterate_references():
                if self._read_role(reference) == role and self._read_name(reference).startswith(name):
                    matching_node = self._read_node(reference)
                    if matching_node.is_showing or not is_shown:
                        return matching_node
            with suppress(TimeoutError):
                self._bus.recv_messages(timeout=_READ_INTERVAL_SECONDS)
        raise AssertionError(f"no {role} {name!r} among {[(node.role, node.name) for node in self.list_nodes()]}")

    def _may_wait(self, deadline: float) -> bool:
        """Return True before `deadline` (monotonic seconds).

        Raises AssertionError if the program has ended.
        """
        ended = self.program.poll() if self.program is not None else None
        assert ended is None, f"the program ended with {ended}"
        return time.monotonic() < deadline

    def read_attributes(self, node: AccessibleNode) -> dict[str, str]:
        """Return the additional AT-SPI attributes of a node by name, such as the level of a heading."""
        (attributes,) = self._call_method(node.reference, _ACCESSIBLE_INTERFACE, "GetAttributes")
        return dict(attributes)

    def read_locale(self, node: AccessibleNode) -> str:
        """Return the locale in which a screen reader speaks the node, such as `en_US`."""
        ((_, locale),) = self._call_method(node.reference, _ACCESSIBLE_INTERFACE, "GetLocale")
        return str(locale)

    def press_node(self, node: AccessibleNode) -> bool:
        """Press a node. Return False if the program does not react, because the node is disabled at the moment or no
        longer exists.
        """
        reply = self._call_method(node.reference, "org.a11y.atspi.Action", "DoAction", "i", (0,))
        return reply == (True,)

    def press_and_wait_for_announcement(self, role: str, name: str, sentence_start: str) -> tuple[str, str]:
        """Press the first shown node with this role whose name begins with `name`. Return the next announcement that
        begins with `sentence_start`, as a tuple of "polite" or "assertive" and the sentence. Other announcements, for
        example about work in the background, are skipped. If the program has replaced the node by a new one, the
        method presses the new node. If the node can't be pressed at the moment, the method tries again later.
        """
        deadline = time.monotonic() + MAX_PROGRAM_WAIT_SECONDS
        messages: deque[Message] = deque()
        heard: list[tuple[str, str]] = []
        others: list[str] = []
        with self._bus.filter(_ANNOUNCEMENT_MATCH_RULE, queue=messages):
            pressed: AccessibleNode | None = None
            while not heard and self._may_wait(deadline):
                if pressed is None or not self._is_node_present(pressed):
                    node = self.wait_for_node(role, name, is_shown=True)
                    pressed = node if self.press_node(node) else None
                with suppress(TimeoutError):
                    self._bus.recv_messages(timeout=_READ_INTERVAL_SECONDS)
                while messages and not heard:
                    _, politeness, _, (_, sentence), _ = messages.popleft().body
                    if sentence.startswith(sentence_start):
                        heard.append(({1: "polite", 2: "assertive"}[politeness], sentence))
                    else:
                        others.append(sentence)
        assert heard, f"heard only {others} after pressing {pressed}, the last {role} {name!r}"
        return heard[0]

    def _is_node_present(self, node: AccessibleNode) -> bool:
        """Return True if the program still has this node and shows it."""
        (role,) = self._call_method(node.reference, _ACCESSIBLE_INTERFACE, "GetRoleName")
        ((low, _high),) = self._call_method(node.reference, _ACCESSIBLE_INTERFACE, "GetState")
        return bool(role == node.role and low >> _SHOWING_BIT & 1)

    def _iterate_references(self) -> Iterator[NodeReference]:
        """Yield the references of the program's nodes, parents before their children. Children are read only when the
        caller needs them.
        """
        waiting = list(reversed(self._list_children(_ROOT_REFERENCE)))
        while waiting:
            reference = waiting.pop()
            yield reference
            waiting += reversed(self._list_children(reference))

    def _read_node(self, reference: NodeReference) -> AccessibleNode:
        """Read the role, the name and the states of the node."""
        role, name = self._read_role(reference), self._read_name(reference)
        ((low, _high),) = self._call_method(reference, _ACCESSIBLE_INTERFACE, "GetState")
        return AccessibleNode(role, name, bool(low >> _FOCUSED_BIT & 1), bool(low >> _SHOWING_BIT & 1), reference)

    def _read_role(self, reference: NodeReference) -> str:
        (role,) = self._call_method(reference, _ACCESSIBLE_INTERFACE, "GetRoleName")
        return str(role)

    def _read_name(self, reference: NodeReference) -> str:
        ((_, name),) = self._call_method(
            reference, "org.freedesktop.DBus.Properties", "Get", "ss", (_ACCESSIBLE_INTERFACE, "Name")
        )
        return str(name)

    def _list_children(self, reference: NodeReference) -> Sequence[NodeReference]:
        (children,) = self._call_method(reference, _ACCESSIBLE_INTERFACE, "GetChildren")
        return [(name, path) for name, path in children]

    def _call_method(
        self,
        reference: NodeReference,
        interface: str,
        method: str,
        signature: str | None = None,
        body: tuple = (),  # type: ignore[type-arg]  # any values
    ) -> tuple:  # type: ignore[type-arg]  # any values
        address = DBusAddress(reference[1], reference[0], interface)
        reply = self._bus.send_and_get_reply(
            new_method_call(address, method, signature, body), timeout=ANSWER_WAIT_SECONDS
        )
        if reply.header.message_type.name == "error":
            return {"GetRoleName": ("gone",), "Get": ((("s", ""),)), "GetState": ((0, 0),)}.get(method, ((),))
        return tuple(reply.body)


@contextmanager
def start_screen_reader(folder: Path) -> Iterator[tuple[ScreenReader, dict[str, str]]]:
    """Start a private session bus, accessibility bus and X server. Yield the screen reader, and the environment
    variables with which a program connects to these servers. All of them end with the block.
    """
    env = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}
    launcher = next(path for path in _LAUNCHER_PATHS if path.exists())
    with ExitStack() as started:
        bus = _start_process(
            started, ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"], env, stdout=True
        )
        assert bus.stdout is not None
        env["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
        reader, writer = os.pipe()
        screen = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
        _start_process(started, screen, env, keep=writer)
        os.close(writer)
        with os.fdopen(reader) as pipe:  # the server ends if the number is read, and its newline can't be written
            env["DISPLAY"] = f":{pipe.readline().strip()}"
        _start_process(started, [str(launcher), "--launch-immediately"], env)
        session = started.enter_context(open_dbus_connection(bus=env["DBUS_SESSION_BUS_ADDRESS"]))
        call = new_method_call(DBusAddress("/org/a11y/bus", "org.a11y.Bus", "org.a11y.Bus"), "GetAddress")
        (address,) = session.send_and_get_reply(call, timeout=ANSWER_WAIT_SECONDS).body
        connection = started.enter_context(open_dbus_connection(bus=address))
        env |= {"QT_QPA_PLATFORM": "xcb", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1"}
        yield ScreenReader(connection), env


def _start_process(
    started: ExitStack, command: list[str], env: dict[str, str], *, stdout: bool = False, keep: int | None = None
) -> "subprocess.Popen[bytes]":
    """Start a program that `started` ends. Its standard output is readable if `stdout` is True; `keep` is a file
    descriptor that it inherits.
    """
    process = subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=() if keep is None else (keep,),
    )
    started.callback(_end_process, process)
    return process


def _end_process(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)  # house: it is killed then
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
