"""Tests that the process that renders PDFs can't read the desk's files, open a connection or start a program, where
the kernel of Linux can refuse it, and that Windows limits its memory, processor time and processes.
"""

import ctypes
import errno
import json
import os
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.store.documents import pdf_child_process, pdf_renderer
from console.store.documents.pdf_renderer import PdfDocument
from tests.store import pdf_bombs

FILTER_RESULT_ALLOWED, FILTER_RESULT_REFUSED = 0x7FFF0000, 0x00050000 | errno.EPERM
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="replaces functions of Linux")
ATTEMPTS_PROGRAM = """
import importlib.util, json, os, socket, sys

def try_to(act):
    try:
        act()
        return 0
    except OSError as error:
        return error.errno

def connect(kind, address):
    with socket.socket(kind, socket.SOCK_STREAM) as connection:
        connection.connect(address)

def fork():
    if os.fork() == 0:
        os._exit(0)

_, _, fonts, path, folder, port = sys.argv
specification = importlib.util.spec_from_file_location("child", path)
child = importlib.util.module_from_spec(specification)
specification.loader.exec_module(child)
answer_request = child._answer_request
attempts = {
    "font": lambda: open(os.path.join(fonts, "NotoSans-Regular.ttf"), "rb").close(),
    "passwords": lambda: open("/etc/passwd").close(),
    "program": lambda: open(path).close(),
    "folder": lambda: os.listdir(folder),
    "file": lambda: os.mkdir(os.path.join(folder, "new")),
    "tcp": lambda: connect(socket.AF_INET, ("127.0.0.1", int(port))),
    "unix": lambda: connect(socket.AF_UNIX, "/run/any"),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "fork": fork,
    "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "exec": lambda: os.execv("/bin/true", ["true"]),
}

def answer(document, request):
    if request["do"] != "text":
        return answer_request(document, request)
    return {}, json.dumps({name: try_to(act) for name, act in attempts.items()}).encode()

child._answer_request = answer
child.main(sys.argv[1:])
"""


def can_kernel_refuse_files() -> bool:
    """Return True if the kernel has Landlock."""
    return sys.platform == "linux" and int(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1)) > 0


def can_kernel_refuse_system_calls() -> bool:
    """Return True if the kernel has seccomp filters and the child has a filter for this kind of processor."""
    status = Path("/proc/self/status")
    has_filters = status.exists() and "\nSeccomp_filters:" in status.read_text()
    return has_filters and os.uname().machine in pdf_child_process._REFUSED_SYSTEM_CALLS


@pytest.fixture(scope="module")
def error_number_by_attempt(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """A child process, as if a document controlled it, makes the attempts of ATTEMPTS_PROGRAM. Return by attempt the
    number of the operating system's error; 0 if nothing refused the attempt. Check that the child can then still
    render text in one of the standard fonts.
    """
    if not (can_kernel_refuse_files() and can_kernel_refuse_system_calls()):
        pytest.skip("the kernel has no Landlock or no seccomp filters")
    folder = tmp_path_factory.mktemp("desk")
    page = pdf_bombs.make_page(b"BT /F1 24 Tf 72 700 Td (Approved) Tj ET")
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.MonkeyPatch.context() as patch:
        make_command = pdf_renderer._make_child_command
        more = [pdf_child_process.__file__, str(folder), str(server.getsockname()[1])]
        patch.setattr(
            pdf_renderer,
            "_make_child_command",
            lambda seconds: [sys.executable, "-I", "-c", ATTEMPTS_PROGRAM, *make_command(seconds)[-2:], *more],
        )
        with PdfDocument(page) as document:
            results: dict[str, int] = json.loads(document.read_page_text(0))
            assert sum(value < 128 for value in document.render_page(0, 400).pixels) > 100
    assert not list(folder.iterdir())
    return results


def test_the_child_reads_only_the_fonts(error_number_by_attempt: dict[str, int]) -> None:
    """The child process that reads PDFs can open the fonts. It can open no other file, program or folder."""
    assert error_number_by_attempt["font"] == 0
    refused = {name: error_number_by_attempt[name] for name in ("passwords", "program", "folder", "file")}
    assert refused == dict.fromkeys(refused, errno.EACCES)


def test_the_child_opens_no_connection_and_starts_no_program(error_number_by_attempt: dict[str, int]) -> None:
    refused = {name: error_number_by_attempt[name] for name in ("tcp", "unix", "udp", "fork", "spawn", "exec")}
    assert refused == dict.fromkeys(refused, errno.EPERM)


def replace_libc(monkeypatch: pytest.MonkeyPatch, prctl: Callable[..., int], syscall: Callable[..., int]) -> None:
    """Let the child's code call these functions instead of those of the C library, with plain numbers."""

    def pass_argument_values(function: Callable[..., int]) -> Callable[..., int]:
        return lambda *arguments: function(*(argument.value for argument in arguments))

    libc = SimpleNamespace(prctl=pass_argument_values(prctl), syscall=pass_argument_values(syscall))
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: libc)
    monkeypatch.setattr(sys, "platform", "linux")


@needs_linux
@pytest.mark.parametrize(
    ("version", "file_rights", "network", "scopes"),
    [(1, 13, 0, 0), (2, 14, 0, 0), (3, 15, 0, 0), (4, 15, 3, 0), (5, 16, 3, 0), (6, 16, 3, 3), (9, 16, 3, 3)],
)
def test_each_version_of_landlock_is_asked_for_its_own_rights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: int, file_rights: int, network: int, scopes: int
) -> None:
    """Landlock refuses a request with rights that its version doesn't know, so the child requests only known ones."""
    requested: list[tuple[int, ...]] = []

    def answer_syscall(number: int, first: int, size: int, flags: int = 0, *_: int) -> int:
        if number == 444 and flags == 1:
            return version
        if number == 444:
            requested.append(struct.unpack("=QQQ", ctypes.string_at(first, size)))
        return 50 if number == 444 else 0

    replace_libc(monkeypatch, lambda *_: 0, answer_syscall)
    pdf_child_process._confine_on_linux(str(tmp_path))
    assert requested == [((1 << file_rights) - 1, network, scopes)]


@needs_linux
@pytest.mark.parametrize("refused_option", [22, 38])
def test_a_child_continues_if_the_kernel_refuses_every_restriction(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refused_option: int
) -> None:
    """If the kernel knows neither Landlock nor seccomp, or not even the mark that both need, the child continues."""
    called: list[int] = []

    def answer_prctl(option: int, *_: int) -> int:
        called.append(option)
        return -1 if option == refused_option else 0

    def refuse_syscall(number: int, *_: int) -> int:
        called.append(number)
        return -1

    replace_libc(monkeypatch, answer_prctl, refuse_syscall)
    pdf_child_process._confine_on_linux(str(tmp_path))
    assert called == ([38] if refused_option == 38 else [38, 444, 22])


def run_filter(program: bytes, processor: int, system_call: int) -> int:
    """Return the answer of a seccomp filter for this system call of this kind of processor."""
    steps = list(struct.iter_unpack("=HBBI", program))
    at, loaded = 0, 0
    while True:
        code, if_true, if_false, value = steps[at]
        if code == 0x06:
            return int(value)
        if code == 0x20:
            loaded = {0: system_call, 4: processor}[value]
            at += 1
        else:
            is_true = loaded == value if code == 0x15 else loaded >= value
            at += 1 + (if_true if is_true else if_false)


@needs_linux
@pytest.mark.parametrize(
    ("machine", "processor", "refused", "allowed"),
    [
        ("x86_64", 0xC000003E, (41, 57, 59, 322, 425, 435, 0x40000029), (0, 1, 9, 257, 302)),
        ("aarch64", 0xC00000B7, (198, 220, 221, 281, 425, 435), (56, 57, 59, 63, 64, 222, 261)),
    ],
)
def test_the_filter_of_each_processor_refuses_its_system_call_numbers(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    machine: str,
    processor: int,
    refused: tuple[int, ...],
    allowed: tuple[int, ...],
) -> None:
    """The filter refuses sockets and programs, also under the second numbers that x86-64 has for them, and all calls
    of another kind of processor. It allows reading, writing, opening files, memory and limits.
    """
    programs: list[bytes] = []

    def answer_prctl(option: int, _mode: int, address: int, *_: int) -> int:
        if option == 22:
            length, program_address = struct.unpack("HP", ctypes.string_at(address, struct.calcsize("HP")))
            programs.append(ctypes.string_at(program_address, length * 8))
        return 0

    replace_libc(monkeypatch, answer_prctl, lambda *_: -1)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    pdf_child_process._confine_on_linux(str(tmp_path))
    (program,) = programs
    assert {run_filter(program, processor, number) for number in refused} == {FILTER_RESULT_REFUSED}
    assert {run_filter(program, processor, number) for number in allowed} == {FILTER_RESULT_ALLOWED}
    assert run_filter(program, 0x40000003, allowed[0]) == FILTER_RESULT_REFUSED  # the 32-bit calls of x86


@pytest.mark.skipif(struct.calcsize("P") != 8, reason="checks the 64-bit structure")
def test_windows_limits_memory_time_and_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows the child puts itself into a job object before it reads the document. Each request sets the
    processor time again, together with the other limits."""
    job, child, set_limits = 0x7FFF_0000_1234, 2**64 - 1, []
    joined: list[tuple[int, int]] = []

    def assign_process_to_job(job_handle: int, process: int) -> int:
        joined.append((job_handle, process))
        return 1

    def set_information(handle: int, kind: int, address: int, size: int) -> int:
        assert (handle, kind, size) == (job, 9, 144)  # JobObjectExtendedLimitInformation
        content = ctypes.string_at(address, size)
        time, _, flags, _, _, processes = struct.unpack_from("<qqI4xQQI", content)
        (memory,) = struct.unpack_from("<Q", content, 112)
        set_limits.append((time, flags, processes, memory))
        return 1

    replace_windows_functions(monkeypatch, job, child, assign_process_to_job, set_information)
    monkeypatch.setattr("time.process_time", lambda: 1.5)
    monkeypatch.setitem(sys.modules, "resource", None)  # Windows has no such module
    handle = pdf_child_process._join_windows_job()
    assert (handle, joined) == (job, [(job, child)])
    pdf_child_process._limit_processor_time(10, handle)
    assert set_limits == [(120_000_000, 0x50A, 1, 512 * 1024 * 1024)]


@pytest.mark.parametrize(("job", "assign_result"), [(None, 1), (77, 0)])
def test_a_child_continues_if_windows_makes_no_job_object_for_it(
    monkeypatch: pytest.MonkeyPatch, job: int | None, assign_result: int
) -> None:
    """If Windows makes no job object, or refuses to add the child to it, only the parent's limit of time applies."""
    replace_windows_functions(
        monkeypatch, job, 1, lambda *_: assign_result, lambda *_: pytest.fail("limited nothing")
    )
    monkeypatch.setitem(sys.modules, "resource", None)
    handle = pdf_child_process._join_windows_job()
    assert handle is None
    pdf_child_process._limit_processor_time(10, handle)
    pdf_child_process._confine_on_linux("")


def replace_windows_functions(
    monkeypatch: pytest.MonkeyPatch,
    job: int | None,
    process: int,
    assign_process_to_job: Callable[..., int],
    set_information: Callable[..., int],
) -> None:
    """Make `sys.platform` that of Windows and replace the Windows functions that the code of the child calls: they
    return the handles `job` and `process`, or call the given functions."""
    functions: dict[str, Callable[..., Any]] = {
        "CreateJobObjectW": lambda _security, _name: job,
        "GetCurrentProcess": lambda: process,
        "AssignProcessToJobObject": assign_process_to_job,
        "SetInformationJobObject": set_information,
    }
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=SimpleNamespace(**functions)), raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
