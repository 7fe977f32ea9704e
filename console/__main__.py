"""The entry of the program: `support-console`, which is the same as `python -m console`."""

import gc
import signal
import sys

_NEW_OBJECTS_BEFORE_COLLECTION = 50_000
"""Number of new objects after which Python collects garbage. Its default is 700, and the imports of a command create
200,000 objects that are never garbage: the collections would take 5 % and more of the CPU time of a start.
"""
_BUG_EXIT_STATUS = 70
"""Exit status of a bug. It is repeated here, because the module with the table of exit statuses may be the one that
can't be loaded."""
_BUG_ANSWER_JSON = (
    '{"ok":false,"error":{"code":"internal_error","message":"internal_error",'
    '"detail":{"support_code":"SUPPORT_CODE"}}}\n'
)


def main() -> int:
    """Load the program, run the command line of this process, and return its exit status.

    Ctrl+C, SIGTERM and SIGHUP are blocked until the program can handle them. Otherwise such a signal during the
    imports would end the process with a traceback and, with `--json`, without the JSON object of the answer. If a
    module can't be loaded, for example from a damaged installation, the answer reports a bug of the program, with
    exit status 70.
    """
    gc.set_threshold(_NEW_OBJECTS_BEFORE_COLLECTION, *gc.get_threshold()[1:])
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        from console.cli.main import main as run_command_line

        return run_command_line()
    except Exception:
        return _report_unloadable_program(sys.argv[1:])


def _report_unloadable_program(arguments: list[str]) -> int:
    """Report that a module of the program can't be loaded: write the traceback and a message with a support code to
    stderr and, with `--json`, the error as a JSON object to stdout. Return the exit status of a bug. The message is a
    fixed English sentence, because the program's texts and settings may not be readable."""
    import os
    import traceback

    support_code = os.urandom(4).hex().upper()
    traceback.print_exc()
    sys.stderr.write(f"The program can't be loaded, support code {support_code}. Install it again.\n")
    if "--json" in arguments:
        sys.stdout.write(_BUG_ANSWER_JSON.replace("SUPPORT_CODE", support_code))
    return _BUG_EXIT_STATUS


if __name__ == "__main__":
    sys.exit(main())
