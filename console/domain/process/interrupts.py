"""Requests to end this process (Ctrl+C, SIGTERM, SIGHUP of a closed terminal, a closing window). The module defers
these requests while the process could lose a provider's answer. On Windows, SIGBREAK takes the place of SIGHUP.

Python runs signal handlers between two instructions of the main thread, so an exception from a handler could come
between a provider's answer and its storage. Inside `defer_signals` a signal raises no exception. Instead, its number
is stored, waits for a provider's answer are ended, and waiting code checks `is_interrupt_pending`. At the end of the
outermost block the signal is raised again, except if a command runs inside `handle_signals`.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

INTERRUPT_REASON = "interrupted"  # house: the reason of an outcome
"""Reason of an outcome for a call to a provider that an interrupt has ended."""
_HANDLED_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
"""The signals whose handler `defer_signals` replaces. Windows has SIGBREAK (Ctrl+Break) instead of SIGHUP."""
_POLL_INTERVAL_SECONDS = 0.02
"""Pause in seconds between two checks of the number of threads that are still inside `defer_signals`."""


class InterruptedBeforeAction(KeyboardInterrupt):
    """Raised if a signal or the window requests the end of this process and the requested action has not begun.
    Nothing was written or sent.
    """


class _SignalState:
    """State of the signal handling in this process. `received_signals`: numbers of the signals received so far.
    `depth`: number of open `defer_signals` blocks in the main thread. `defers_first_signal`: the first signal raises
    no exception. `has_begun`: the present command has opened a `defer_signals` block. `has_written_result`: the
    present command has written its result. `is_ending`: `end_network_waits` is running. `open_blocks`: open
    `defer_signals` blocks of all threads. `call_endings`: for each open `register_call_ending` block, its thread and
    the function that ends the thread's wait.
    """

    def __init__(self) -> None:
        self.received_signals: list[int] = []
        self.depth = 0
        self.defers_first_signal = False
        self.has_begun = False
        self.has_written_result = False
        self.is_ending = False
        self.open_blocks: set[object] = set()
        self.call_endings: dict[object, tuple[int, Callable[[], None]]] = {}


_signal_state = _SignalState()


def unblock_stop_signals() -> None:
    """Unblock Ctrl+C (SIGINT), SIGTERM and SIGHUP. The program's entry point blocks these signals while modules are
    loaded. If the person pressed Ctrl+C in this time, this call raises KeyboardInterrupt.
    """
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED_SIGNALS)


def list_stop_signals() -> tuple[int, ...]:
    """Return the signals that request the end of a process: SIGINT, SIGTERM and SIGHUP, which a closing terminal
    sends. SIGHUP is left out if the process ignores it (nohup)."""
    return tuple(
        number for number in _HANDLED_SIGNALS
        if number in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(number) is not signal.SIG_IGN
    )  # fmt: skip


def raise_at_stop_signals() -> None:
    """From now on, let SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl+C does. A signal that the process ignores
    stays ignored. The default handling of these signals would end the process before its command has written its
    result."""
    for number in _HANDLED_SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def ignore_later_signals() -> None:
    """Ignore signals from now on, so that the exit status of the process is that of its command's result."""
    if hasattr(signal, "pthread_sigmask"):  # not on Windows; Python reports a signal that comes meanwhile
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED_SIGNALS)
    for number in _HANDLED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def reset_interrupt_exit_status() -> None:
    """Let the process end with its own exit status, and not with 130, after a KeyboardInterrupt that was caught.

    If a KeyboardInterrupt ends code that was compiled from a string, such as the generated methods of a dataclass,
    Python remembers this. At its end the process then reports SIGINT as the cause (status 130), even if the exception
    was caught. Python forgets it when it runs other code from a string; this function runs such code.
    """
    eval("None")  # noqa: S307  # a constant


def is_interrupt_pending() -> bool:
    """True if this thread should end: because of a received signal (main thread only) or a running
    `end_network_waits` (every thread)."""
    return _signal_state.is_ending or has_received_signal()


def has_received_signal() -> bool:
    """True if the process has received a signal that requests its end, and the caller runs in the main thread."""
    return bool(_signal_state.received_signals) and _is_main_thread()


def has_action_begun() -> bool:
    """True if the present command has opened a `defer_signals` block, so that it may have written or sent data."""
    return _signal_state.has_begun


def raise_if_interrupt_pending() -> None:
    """Raise InterruptedBeforeAction if a signal or the window has requested that this thread ends. Call this function
    only before an action has begun."""
    if is_interrupt_pending():
        raise InterruptedBeforeAction


@contextmanager
def defer_signals() -> Iterator[None]:
    """Defer signals until the end of the outermost block. Then restore the earlier handlers and raise the received
    signals again. Inside `handle_signals` the handlers stay and no signal is raised again: the command must check
    `is_interrupt_pending`.

    Only the main thread receives signals. In any other thread the block changes no signal handling;
    `end_network_waits` waits until the block has ended.
    """
    block = object()
    _signal_state.open_blocks.add(block)
    try:
        if not _is_main_thread():
            yield
            return
        _signal_state.depth += 1
        _signal_state.has_begun = True
        try:
            with _install_handlers(raises_again=True):
                yield
        finally:
            _signal_state.depth -= 1
    finally:
        _signal_state.open_blocks.discard(block)


@contextmanager
def handle_signals(*, defers_first_signal: bool, is_last_command: bool = False) -> Iterator[None]:
    """Handle signals while a command runs in the main thread: SIGTERM and SIGHUP have the same effect as Ctrl+C.

    With `is_last_command` (the process ends after the command) signals are ignored after the block, so that the exit
    status stays that of the command's result. With `defers_first_signal` (for commands that write or send) the first
    signal raises no exception; the command checks `is_interrupt_pending`, ends soon and reports its result.

    Without `defers_first_signal`, and for a second signal outside of `defer_signals`, KeyboardInterrupt is raised.
    After `stop_raising_at_signals` no signal raises an exception.
    """
    _signal_state.defers_first_signal = defers_first_signal
    _signal_state.has_begun, _signal_state.has_written_result = False, False
    try:
        with _install_handlers(raises_again=False, ignores_later=is_last_command):
            yield
    finally:
        _signal_state.defers_first_signal, _signal_state.has_written_result = False, False


@contextmanager
def raise_at_signals() -> Iterator[None]:
    """Inside the block, raise InterruptedBeforeAction at the first signal, even in a command that writes or sends.
    The command uses this block while it waits for a person's input and has no action in progress."""
    deferred_first, _signal_state.defers_first_signal = _signal_state.defers_first_signal, False
    try:
        raise_if_interrupt_pending()
        yield
    except KeyboardInterrupt:
        raise InterruptedBeforeAction from None
    finally:
        _signal_state.defers_first_signal = deferred_first


@contextmanager
def defer_signals_while_printing() -> Iterator[None]:
    """Defer signals while a command prints its result, if the command writes or sends, or has opened a
    `defer_signals` block (for example to write a file). Any other command only reads, and can still be interrupted.
    """
    with defer_signals() if _signal_state.defers_first_signal or _signal_state.has_begun else nullcontext():
        yield


def stop_raising_at_signals() -> None:
    """Inside `handle_signals`, let no later signal raise an exception: the command has written its result, and the
    process ends soon with its exit status. Without this call, an exception could interrupt the end of the block and
    leave the signal handlers in a wrong state. Outside of `handle_signals`, do nothing."""
    _signal_state.has_written_result = _is_handler_installed()


@contextmanager
def ignore_signals() -> Iterator[None]:
    """Ignore signals while a short message is printed, so that a second Ctrl+C doesn't cut the message."""
    if not _is_main_thread():
        yield
        return
    earlier = {number: signal.signal(number, signal.SIG_IGN) for number in _HANDLED_SIGNALS}
    try:
        yield
    finally:
        for number, earlier_handler in earlier.items():
            if earlier_handler is not None:
                signal.signal(number, earlier_handler)


@contextmanager
def register_call_ending(end_call: Callable[[], None]) -> Iterator[None]:
    """Register the function `end_call` until the end of the block. `end_network_waits` or a signal calls it to end
    the network wait of the block's thread. `end_call` must end this wait and must not raise an exception.
    """
    call = object()
    _signal_state.call_endings[call] = (threading.get_ident(), end_call)
    try:
        yield
    finally:
        del _signal_state.call_endings[call]


def end_network_waits(timeout_seconds: float) -> bool:
    """End the network waits of all threads, because this process is about to end. Then wait at most `timeout_seconds`
    until every thread has left `defer_signals`, that is, has stored its answer. Return False if a thread is still
    inside.
    """
    deadline = time.monotonic() + timeout_seconds
    _signal_state.is_ending = True
    try:
        _end_calls_of_thread()
        while _signal_state.open_blocks and time.monotonic() < deadline:
            time.sleep(_POLL_INTERVAL_SECONDS)
        return not _signal_state.open_blocks
    finally:
        _signal_state.is_ending = False


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _end_calls_of_thread(thread_id: int | None = None) -> None:
    """Call the registered functions that end the network waits of this thread (None: of all threads)."""
    for calling_thread_id, end_call in tuple(_signal_state.call_endings.values()):
        if thread_id in (None, calling_thread_id):
            end_call()


def _handle_signal(number: int, _frame: FrameType | None) -> None:
    """Signal handler: store the signal's number and end the main thread's wait for the network. If signals aren't
    deferred now, raise KeyboardInterrupt. After `stop_raising_at_signals` do nothing. Python calls this function in
    the main thread.
    """
    if _signal_state.has_written_result:
        return
    _signal_state.received_signals.append(number)
    _end_calls_of_thread(threading.get_ident())
    if not _signal_state.depth and not (
        _signal_state.defers_first_signal and len(_signal_state.received_signals) == 1
    ):
        raise KeyboardInterrupt


def _is_handler_installed() -> bool:
    """True if `_handle_signal` is the present handler of at least one of _HANDLED_SIGNALS."""
    return any(signal.getsignal(number) is _handle_signal for number in _HANDLED_SIGNALS)


@contextmanager
def _install_handlers(*, raises_again: bool, ignores_later: bool = False) -> Iterator[None]:
    """Install `_handle_signal` as the handler of the signals that aren't ignored; do nothing if an outer block has
    already done so. SIGINT is replaced first and restored last, so that no KeyboardInterrupt is raised between the
    two changes. `raises_again`: raise the received signals again at the end. `ignores_later`: ignore signals at the
    end instead of restoring the earlier handlers.
    """
    if _is_handler_installed():
        yield
        return
    earlier: dict[int, Callable[[int, FrameType | None], object] | int] = {}
    try:
        for number in _HANDLED_SIGNALS:
            earlier_handler = signal.getsignal(number)
            if earlier_handler is not None and earlier_handler is not signal.SIG_IGN:
                earlier[number] = earlier_handler
                signal.signal(number, _handle_signal)
        yield
    finally:
        try:
            if ignores_later and hasattr(signal, "pthread_sigmask"):  # Python reports a signal that comes meanwhile
                signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED_SIGNALS)
            for number in reversed(_HANDLED_SIGNALS):
                if number in earlier:
                    signal.signal(number, signal.SIG_IGN if ignores_later else earlier[number])
        finally:
            received_numbers, _signal_state.received_signals = _signal_state.received_signals, []
        if raises_again:
            for received_number in dict.fromkeys(received_numbers):
                signal.raise_signal(received_number)
