"""The workers' logs of a day. They are copied to the folder of the day, because the folder of the servers is removed
at the end."""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tests.day.programs import Program

_MAX_SHOWN_LINES = 25


def copy_logs(workers: Iterable[Program], folder: Path) -> None:
    """Copy each worker's log, from its first start until now, to `NAME.log` in the folder."""
    for worker in workers:
        with suppress(FileNotFoundError):
            shutil.copyfile(worker.run.folder / f"{worker.name}.out", folder / f"{worker.name}.log")


def list_log_errors(folder: Path) -> str:
    """Return the newest lines of the copied logs that report an exception or an error, shortened, in the order of
    time."""
    lines = sorted(line for log in folder.glob("*.log") for line in _read_error_lines(log))
    return "\n".join(["the failures in the workers' logs:", *lines[-_MAX_SHOWN_LINES:]])


def _read_error_lines(log: Path) -> Iterator[str]:
    for text in log.read_text("utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:  # the line of a worker that was killed while it wrote
            continue
        if "trouble" in line or line.get("level") in ("error", "critical"):
            exception = " ".join(str(line[name]) for name in ("trouble", "code", "number") if name in line)
            trace = " < ".join(reversed(line.get("trace", [])[-6:]))
            yield f"{line['at']} {log.stem} {line['message']}: {exception}: {trace}"
