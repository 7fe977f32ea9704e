"""Lets a worker process send only what the first process of pytest shows. Of each test, xdist sends the start, the
end and three reports. Of a test that passes, pytest shows one letter, so one short report is enough.
"""

from collections.abc import Callable

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Shorten what this process sends if it is a worker, and if no option asks for more."""
    if hasattr(config, "workerinput") and not shows_passed_tests(config):
        (sender,) = (plugin for plugin in config.pluginmanager.get_plugins() if hasattr(plugin, "sendevent"))
        sender.sendevent = BriefSender(sender.sendevent)


def shows_passed_tests(config: pytest.Config) -> bool:
    """Return True if an option asks for names, times or output of tests that pass."""
    option = config.option
    asked = option.verbose > 0, option.durations is not None, option.keep_seconds, option.xmlpath
    return any(asked) or not {*"AP"}.isdisjoint(option.reportchars)


class BriefSender:
    """Sends the events of xdist that matter. `send` sends an event as xdist does."""

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send
        self._has_passed = True

    def __call__(self, name: str, **values: object) -> None:
        """Send the event, or nothing. The report of a teardown contains output that is shown for a failed test, so
        only that of a passed test isn't sent.
        """
        if name in ("logstart", "logfinish"):
            return
        report = values.get("data")
        if name == "testreport" and isinstance(report, dict):
            passed = report["outcome"] == "passed" and "wasxfail" not in report
            self._has_passed = passed and (self._has_passed or report["when"] == "setup")
            if self._has_passed:
                if report["when"] != "call":
                    return
                report.update(keywords={}, sections=[], user_properties=[])
        self._send(name, **values)
