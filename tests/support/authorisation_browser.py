"""Simulates a person with a browser who opens the address that `provider authorise` shows, and enters AlarmBox's
answer.
"""

import http.client
import io
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from tests.support.waiting import MAX_WAIT_SECONDS

REDIRECT_ADDRESS = "https://desk.example.jp/alarmbox"


def visit_consent_page(url: str) -> str:
    """Open the address as a person who consents on AlarmBox's page. Return the code on the page. If AlarmBox
    redirects the browser, return the address of the redirection.
    """
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=MAX_WAIT_SECONDS)
    try:
        connection.request("GET", f"{address.path}?{address.query}")
        with connection.getresponse() as answer:
            page, location = answer.read().decode(), answer.getheader("Location")
    finally:
        connection.close()
    return location or page.partition("<code id=authorization_code>")[2].partition("</code>")[0]


class BrowserInput:
    """Standard input of a person who opens the address that the command has written to stderr. The person enters
    AlarmBox's answer after the function `change` has changed it.
    """

    def __init__(self, change: Callable[[str], str] = str) -> None:
        self._change, self.entered = change, ""

    def isatty(self) -> bool:
        return False

    def readline(self, _: int = -1) -> str:
        """Return the text that the person enters. The command reads this one line."""
        shown = sys.stderr
        assert isinstance(shown, io.StringIO)
        url = next(line for line in shown.getvalue().splitlines() if "/oauth/authorize?" in line)
        self.entered = self._change(visit_consent_page(url))
        return f"{self.entered}\n"
