"""Lets a worker process send only the parts of reports that the first process of pytest shows. Of each test, xdist
sends the start, the end and three reports. Of a test that passes, pytest shows one letter, so one short report is
enough.
"""

from collections.abc import Callable

import pytest

_SENT_FIELDS = ("$report_type", "nodeid", "location", "outcome", "longrepr", "when")
"""The fields that pytest needs to read a report. It needs the keywords, too, but they may be empty."""


def pytest_configure(config: pytest.Config) -> None:
    """Shorten the messages of this process if it is a worker, and if no option requires whole reports."""
    if hasattr(config, "workerinput") and not shows_passed_tests(config):
        (sender,) = (plugin for plugin in config.pluginmanager.get_plugins() if hasattr(plugin, "sendevent"))
        sender.sendevent = BriefSender(sender.sendevent)


def shows_passed_tests(config: pytest.Config) -> bool:
    """Return True if an option asks for names, times or output of tests that pass."""
    option = config.option
    return bool(
        option.verbose > 0 or option.durations is not None or option.xmlpath or {*"AP"} & {*option.reportchars}
    )


class BriefSender:
    """Sends the events of xdist that matter. `send` sends an event as xdist does."""

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send
        self._is_brief = True

    def __call__(self, name: str, **values: object) -> None:
        """Send the event, or nothing. The report of a teardown contains output that is shown for a failed test, so
        only that of a passed test isn't sent. Reports with properties are sent whole, because a plugin that adds
        them also reads them. So are those of subtests and of tests that pass unexpectedly.
        """
        if name in ("logstart", "logfinish"):
            return
        report = values.get("data")
        if name == "testreport" and isinstance(report, dict):
            is_plain = "$report_type" in report and "wasxfail" not in report and not report["user_properties"]
            has_passed = report["outcome"] == "passed" and (self._is_brief or report["when"] == "setup")
            self._is_brief = is_plain and has_passed
            if self._is_brief:
                if report["when"] != "call":
                    return
                values["data"] = {field: report[field] for field in _SENT_FIELDS} | {"keywords": {}}
        self._send(name, **values)
