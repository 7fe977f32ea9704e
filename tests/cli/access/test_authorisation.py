"""`provider authorise alarmbox`: a console without tokens gets authorised and then buys, and each failure of the
authorisation is reported. The sandbox counts the exchanged codes, and its ledger shows the purchases.
"""

import json
import os
import pty
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest

from console.sandbox.environment.credentials import OUT_OF_BAND_REDIRECT_URI
from console.sandbox.server import Sandbox
from tests.cli.conftest import CommandResult, Terminal
from tests.sandbox.caller import Caller
from tests.support.authorisation_browser import REDIRECT_ADDRESS, BrowserInput, visit_consent_page
from tests.support.waiting import MAX_WAIT_SECONDS

CORPORATION_NUMBER = "1180301018771"
COMMAND_WORDS = ("provider", "authorise", "alarmbox")
REDIRECT_SETTINGS = {"ALARMBOX_REDIRECT_URI": REDIRECT_ADDRESS}


@dataclass
class UnauthorisedDesk:
    """A desk that AlarmBox has not authorised yet, and a simulated person at a browser who gives the consent."""

    terminal: Terminal
    sandbox: Sandbox

    def authorise(self, change: Callable[[str], str] = str, /, **env: str) -> tuple[CommandResult, str]:
        """Run `provider authorise`. Return the result of the command, and the text that the person has entered.
        `change` changes the entered address.
        """
        browser = BrowserInput(change)
        with mock.patch.object(sys, "stdin", browser):
            return self.terminal.json(*COMMAND_WORDS, **env), browser.entered

    @property
    def exchange_count(self) -> int:
        return len(self.sandbox.control.read_requests(call="token"))

    def read_rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(Path(self.terminal.env["CONSOLE_HOME"]) / "console.db")) as database, database:
            return database.execute(query).fetchall()


@pytest.fixture
def unauthorised_desk(terminal: Terminal, sandbox: Sandbox) -> UnauthorisedDesk:
    """Return a desk whose environment lacks the first refresh token, which the desks of other tests have."""
    del terminal.env["CONSOLE_SECRET_ALARMBOX_REFRESH_TOKEN"]
    return UnauthorisedDesk(terminal, sandbox)


def test_an_authorisation_leads_from_no_tokens_to_a_purchase(unauthorised_desk: UnauthorisedDesk) -> None:
    """Without tokens, `doctor` and a refused purchase name the command `provider authorise`. After that command a
    purchase succeeds. The tokens are stored encrypted, the audit trail has one entry about them, and no output
    contains the code or a token.
    """
    alarmbox = next(
        one for one in unauthorised_desk.terminal.json("doctor").data["checks"] if one["name"] == "alarmbox"
    )
    refused = unauthorised_desk.terminal.json("purchase", CORPORATION_NUMBER, "--client", "1")
    assert (alarmbox["ok"], refused.exit_status_and_code) == (False, (5, "provider_auth"))
    assert all(" ".join(COMMAND_WORDS) in text for text in (alarmbox["next"], refused.error["message"]))

    ending, code = unauthorised_desk.authorise()
    assert (ending.data["provider"], ending.data["version"]) == ("alarmbox", 1)
    assert ending.data["access_expires_at"].endswith("Z")
    assert (code[:5], unauthorised_desk.exchange_count) == ("code-", 1)
    ((sealed, version),) = unauthorised_desk.read_rows("SELECT sealed, version FROM provider_tokens")
    assert (str(sealed)[:8], version) == ("v1.gAAAA", 1)
    entries = unauthorised_desk.read_rows("SELECT what, result, detail FROM audit_log WHERE what LIKE 'token.%'")
    assert [entry[:2] for entry in entries] == [("token.authorised", "done")]
    for text in (ending.out.decode(), ending.err, str(entries)):
        assert [word for word in (code, "at-", "rt-", "sandbox-secret") if word in text] == []

    assert unauthorised_desk.terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data["state"] == "success"
    assert unauthorised_desk.sandbox.control.count_charges(CORPORATION_NUMBER) == 1
    assert unauthorised_desk.authorise()[0].data["version"] == 2
    text = unauthorised_desk.terminal("doctor").out.decode()
    assert "AlarmBox is set up" in text


@pytest.mark.parametrize(
    ("missing_names", "next_step"),
    [
        (("CLIENT_ID", "CLIENT_SECRET"), "Set {CLIENT_ID}, {CLIENT_SECRET}."),
        (("CLIENT_SECRET",), "Set {CLIENT_SECRET}."),
        (("REFRESH_TOKEN",), "Run support-console provider authorise alarmbox."),
        (
            ("CLIENT_ID", "REFRESH_TOKEN"),
            "Set {CLIENT_ID}. Then run support-console provider authorise alarmbox.",
        ),
    ],
)
def test_doctor_names_only_the_credentials_that_are_missing(
    terminal: Terminal, missing_names: tuple[str, ...], next_step: str
) -> None:
    """The next step of `doctor` at AlarmBox asks for the missing secrets alone, and for the authorisation only if
    AlarmBox hasn't given it."""
    variables = {name: f"CONSOLE_SECRET_ALARMBOX_{name}" for name in ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")}
    for name in missing_names:
        del terminal.env[variables[name]]
    (check,) = (check for check in terminal.json("doctor").data["checks"] if check["name"] == "alarmbox")
    assert (check["ok"], check["next"]) == (False, next_step.format_map(variables))


def test_the_command_accepts_only_an_address_with_its_own_state(unauthorised_desk: UnauthorisedDesk) -> None:
    """If a redirect address is set, the command accepts only this address, with the `state` of its own request. An
    entered address with another state, without a code or with two codes is refused, and the command sends nothing.
    """

    def remove_state(address: str) -> str:
        return address.partition("&state=")[0]

    def make_declined_address(address: str) -> str:
        return f"{REDIRECT_ADDRESS}?error=access_denied&state={parse_qs(urlsplit(address).query)['state'][0]}"

    def extract_code(address: str) -> str:
        return parse_qs(urlsplit(address).query)["code"][0]

    unauthorised_desk.sandbox.control.add_fault("other_state", times=1)
    foreign, entered = unauthorised_desk.authorise(**REDIRECT_SETTINGS)
    assert entered.startswith(f"{REDIRECT_ADDRESS}?code=code-")
    assert (foreign.exit_status_and_code, foreign.error["detail"]["reason"]) == ((3, "not_allowed"), "state_differs")
    endings: dict[Callable[[str], str], tuple[int, str]] = {
        remove_state: (3, "not_allowed"),
        make_declined_address: (5, "provider_auth"),
        extract_code: (2, "usage"),
        lambda address: f"{address}&code=second": (2, "usage"),
        lambda address: f"{address}&state=second": (3, "not_allowed"),
        lambda address: f"{address}\ud800": (3, "not_allowed"),
        lambda _: "": (2, "usage"),
        lambda _: "two words": (2, "usage"),
        lambda _: "https://[": (2, "usage"),
    }
    for change, refusal in endings.items():
        assert unauthorised_desk.authorise(change, **REDIRECT_SETTINGS)[0].exit_status_and_code == refusal
    assert (unauthorised_desk.exchange_count, unauthorised_desk.read_rows("SELECT * FROM provider_tokens")) == (0, [])
    results = unauthorised_desk.read_rows(
        "SELECT result, COUNT(*) FROM audit_log WHERE what = 'token.authorise' GROUP BY 1"
    )
    assert dict(results) == {"refused": 4, "failed": 1}
    assert unauthorised_desk.authorise(**REDIRECT_SETTINGS)[0].data["version"] == 1


@pytest.mark.expects_log("a failed exchange is logged")
def test_a_failed_exchange_sends_the_code_only_once(unauthorised_desk: UnauthorisedDesk) -> None:
    """Each failed exchange ends with the exit status of its cause, sends the code at most once, and stores no tokens.
    The tested failures are a used, expired or invented code, a refused client, too many calls, an unusable answer, no
    connection, and a database that can't store. In the last case the same command stores the tokens later, without a
    new code. A call without a person is refused before the code is entered."""
    control, cuts = unauthorised_desk.sandbox.control, ExitStack()

    def use_code(code: str) -> str:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": OUT_OF_BAND_REDIRECT_URI}
        assert Caller(unauthorised_desk.sandbox).request_token(**form).status == 200
        return code

    def cut_off_answer(code: str) -> str:
        cuts.enter_context(control.cause_outage())
        return code

    def expire_code(code: str) -> str:
        control.change_settings(advance_seconds=601)
        return code

    endings: list[tuple[Callable[[str], str], str | None, tuple[int, str], int]] = [
        (use_code, None, (5, "provider_auth"), 2),
        (expire_code, None, (5, "provider_auth"), 1),
        (lambda _: "code-made-up", None, (5, "provider_auth"), 1),
        (str, "invalid_client", (5, "provider_auth"), 1),
        (str, "status:429", (5, "rate_limited"), 1),
        (str, "status:404", (5, "provider_answer_unusable"), 1),
        (str, "status:500", (4, "outcome_unknown"), 1),
        (str, "close_after_charge", (4, "outcome_unknown"), 1),
        (str, "no_access_token", (4, "outcome_unknown"), 1),
        (cut_off_answer, None, (6, "provider_unreachable"), 0),
    ]
    for change, fault, refusal, sent in endings:
        control.clear_faults()
        before = unauthorised_desk.exchange_count
        if fault is not None:
            control.add_fault(fault, call="token")
        ending, _ = unauthorised_desk.authorise(change)
        cuts.close()
        assert (ending.exit_status_and_code, unauthorised_desk.exchange_count - before) == (refusal, sent), (
            fault,
            ending.error,
        )
        assert "Nothing" in ending.error["message"] or "not sent" in ending.error["message"]
    with (
        closing(sqlite3.connect(Path(unauthorised_desk.terminal.env["CONSOLE_HOME"]) / "console.db")) as database,
        database,
    ):
        database.execute(
            "CREATE TRIGGER no_room BEFORE INSERT ON provider_tokens BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    control.clear_faults()
    ending, _ = unauthorised_desk.authorise()
    assert (ending.exit_status_and_code, ending.error["detail"]["reason"]) == (
        (4, "outcome_unknown"),
        "tokens_not_stored",
    )
    assert unauthorised_desk.read_rows("SELECT * FROM provider_tokens") == []
    refused, entered = unauthorised_desk.authorise(OPERATOR="")
    assert (refused.exit_status_and_code, entered) == ((2, "no_operator"), "")
    unauthorised_desk.read_rows("DROP TRIGGER no_room")
    before = unauthorised_desk.exchange_count
    ending, entered = unauthorised_desk.authorise()
    assert (ending.data["version"], entered, unauthorised_desk.exchange_count) == (1, "", before)
    assert "earlier call" in ending.err
    assert unauthorised_desk.terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data["state"] == "success"


def test_only_administrators_and_workers_authorise(unauthorised_desk: UnauthorisedDesk, tmp_path: Path) -> None:
    """Only an administrator or a worker may authorise AlarmBox. An operator, and a call without a person, are refused
    before the code is entered; this is also so at a desk without database accounts.
    """
    people = tmp_path / "people.json"
    team = [{"name": "op-a", "roles": ["operator"]}, {"name": "adm-f", "roles": ["admin"]}]
    people.write_text(json.dumps({"operators": team}))
    assert unauthorised_desk.terminal.json("db", "accounts", "apply", str(people)).status == 0
    refused, entered = unauthorised_desk.authorise(OPERATOR="op-a")
    assert (refused.exit_status_and_code, refused.error["detail"]["needs"]) == (
        (3, "not_allowed"),
        ["admin", "worker"],
    )
    assert (entered, unauthorised_desk.authorise(OPERATOR="")[0].exit_status_and_code) == ("", (2, "no_operator"))
    assert unauthorised_desk.authorise(OPERATOR="adm-f")[0].data["version"] == 1


def test_the_authorisation_code_is_typed_without_an_echo(unauthorised_desk: UnauthorisedDesk) -> None:
    """At a terminal the command reads the code without showing it: the screen shows the address of the consent page,
    but not the entered code.
    """
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "console", *COMMAND_WORDS],
        stdin=theirs, stdout=theirs, stderr=theirs,
        env=os.environ | unauthorised_desk.terminal.env, start_new_session=True, preexec_fn=_acquire_terminal,
    )  # fmt: skip
    os.close(theirs)
    screen_bytes = b""
    while b"sent to: " not in screen_bytes:
        screen_bytes += os.read(ours, 4096)
    code = visit_consent_page(next(line for line in screen_bytes.decode().split() if "/oauth/authorize?" in line))
    os.write(ours, f"{code}\n".encode())
    while b"renewed automatically" not in screen_bytes:
        screen_bytes += os.read(ours, 4096)
    assert child.wait(timeout=MAX_WAIT_SECONDS) == 0
    os.close(ours)
    assert code.encode() not in screen_bytes


def _acquire_terminal() -> None:
    """In the child process: make the pseudo-terminal at its standard input its controlling terminal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
