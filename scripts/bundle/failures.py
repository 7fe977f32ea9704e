"""Ends a packaging script with one line if a file or a tool fails, because a traceback doesn't help the person who
builds."""

import subprocess
import sys
from collections.abc import Callable


def run_or_report_failure(make_package: Callable[[], int]) -> int:
    """Call the function, and return the exit status that it returns. If a file can't be read or written, or a tool is
    missing or fails, print the cause to stderr and return 1."""
    try:
        return make_package()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Nothing was built: {error}", file=sys.stderr)
        return 1
