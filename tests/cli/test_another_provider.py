"""A third payment provider, which is added by one module (`tests/support/kaede.py`) and one line in the list of
providers. The tests call its simulated server over real HTTP.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import console as package
from console.app import open_console
from console.domain.errors import ConsoleError
from console.domain.payments import provider_registry
from console.providers.payments.plugin import find_plugin
from console.settings.settings import Settings
from console.wording.sentences import catalogue as wording
from tests.cli.conftest import Terminal
from tests.cli.paying_terminal import CHECKER, MAKER
from tests.support.desks import copy_empty_database, make_environment
from tests.support.kaede_server import API_KEY, NOTICE_KEY, SHOP_ID, KaedeServer
from tests.worker.running_receiver import LIVE_FEED_TOKEN, run_receiver

PROVIDER_MODULE = "tests.support.kaede"
GUIDE_FILE = Path(package.__file__).parents[1] / "docs" / "adding-a-provider.md"
PROVIDER_SECRETS = {
    "SECRET_KAEDE_SHOP": SHOP_ID,
    "SECRET_KAEDE_API_KEY": API_KEY,
    "SECRET_KAEDE_NOTICE_KEY": NOTICE_KEY,
}
CORPORATION_NUMBER = "1180301018771"


@pytest.fixture(autouse=True)
def registered_provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Add the module of the new provider to the list of provider modules, which is the only other change that a new
    provider needs.
    """
    monkeypatch.setattr(provider_registry, "PROVIDER_MODULES", (*provider_registry.PROVIDER_MODULES, PROVIDER_MODULE))
    wording.read_sentences.cache_clear()
    yield
    monkeypatch.undo()
    wording.read_sentences.cache_clear()


@pytest.fixture
def new_provider_server() -> Iterator[KaedeServer]:
    with KaedeServer().run_in_thread() as server:
        yield server


@pytest.fixture
def kaede_terminal(tmp_path: Path, new_provider_server: KaedeServer) -> Terminal:
    """Return a terminal on a desk on which only the new provider is configured; the other providers can't be
    reached."""
    copy_empty_database(tmp_path / "home")
    return Terminal(
        make_environment(
            tmp_path / "home",
            "http://127.0.0.1:1",
            KAEDE_URL=new_provider_server.url,
            SECRET_LIVE_TOKEN=LIVE_FEED_TOKEN,
            **PROVIDER_SECRETS,
        )
    )


def import_payment(kaede_terminal: Terminal, kaede: KaedeServer, number: str = "ORD-1", minor: int = 3_300) -> int:
    kaede.add_payment(number, minor)
    kaede.pay_payment(number)
    answer = kaede_terminal.json("payment", "import", "kaede", number, "--corporation-number", CORPORATION_NUMBER)
    return int(answer.data["id"])


# Settings


def test_the_settings_enable_the_provider(tmp_path: Path) -> None:
    """The provider is enabled by its URL or its credentials. Its section of a profile is read, and a wrong key in the
    section is refused.
    """
    env = {"CONSOLE_HOME": str(tmp_path)}
    assert not Settings.load(env).is_enabled("kaede")
    assert Settings.load(env | {"CONSOLE_KAEDE_URL": "https://api.kaede-pay.example"}).is_enabled("kaede")
    given = env | {f"CONSOLE_{name}": text for name, text in PROVIDER_SECRETS.items() if "NOTICE" not in name}
    assert Settings.load(given).is_enabled("kaede")
    assert Settings.load(given).list_missing_secret_names("kaede") == ("CONSOLE_SECRET_KAEDE_NOTICE_KEY",)
    (tmp_path / "profile.toml").write_text('[kaede]\nurl = "https://api.kaede-pay.example"\nspacing_seconds = 3\n')
    settings = Settings.load(env)
    assert settings.get_provider_url("kaede") == "https://api.kaede-pay.example"
    assert settings.provider_settings["kaede"].spacing_seconds == 3  # type: ignore[attr-defined]  # its own settings
    for line in ('url = "https://evil.example"', "spacing_seconds = -1", "colour = 1"):
        (tmp_path / "profile.toml").write_text(f"[kaede]\n{line}\n")
        with pytest.raises(ConsoleError) as caught:
            Settings.load(env)
        assert (caught.value.code, caught.value.detail["variable"]) == ("bad_profile", f"kaede.{line.split(' ')[0]}")


def test_real_credentials_exclude_a_fast_clock(tmp_path: Path) -> None:
    """With real credentials of the new provider, the desk refuses the settings that make its clock faster, as it does
    for the other providers.
    """
    env = {"CONSOLE_HOME": str(tmp_path), "CONSOLE_TIME_SCALE": "20", "CONSOLE_SECRET_KAEDE_API_KEY": "real"}
    with pytest.raises(ConsoleError) as caught:
        Settings.load(env)
    assert (caught.value.detail["problem"], caught.value.detail["provider"]) == ("loopback_only", "kaede")


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_the_doctor_reports_the_missing_settings_of_the_provider(kaede_terminal: Terminal, language: str) -> None:
    """`doctor` has a check for the new provider. The check fails if only a part of the provider's settings is there,
    and succeeds if all or none are.
    """
    name = wording.translate("provider.kaede", language)

    def read_doctor_line(**env: str) -> tuple[bool, str]:
        """Return if the check of Kaede succeeds, and its sentence in the language."""
        ending = kaede_terminal.json("doctor", LANGUAGE=language, **env)
        checks = ending.answer["data"]["checks"] if ending.answer["ok"] else ending.error["detail"]["checks"]
        (check,) = [one for one in checks if one["name"] == "kaede"]
        return check["ok"], check["message"]

    good, message = read_doctor_line()
    assert (good, name in message) == (True, True)
    lacks, message = read_doctor_line(SECRET_KAEDE_NOTICE_KEY="")
    assert (lacks, name in message) == (False, True)
    off, message = read_doctor_line(KAEDE_URL="", **dict.fromkeys(PROVIDER_SECRETS, ""))
    assert (off, name in message) == (True, True)


# The way of money


def test_a_payment_is_started_probed_and_shown(kaede_terminal: Terminal, new_provider_server: KaedeServer) -> None:
    """Starting a payment twice calls the provider once. A probe reports the payment as unpaid before the payer has
    paid, and as completed after it. `show` and `lookup` print the payment in JSON and in both languages.
    """
    with open_console(Settings.load(kaede_terminal.env)) as console:
        console.database.write(
            lambda tx: tx.conn.exec_driver_sql(
                "INSERT INTO orders (merch_txn_id, total_amount, currency, corporation_number)"
                f" VALUES ('S-1', 3300, 'JPY', '{CORPORATION_NUMBER}')"
            )
        )
        started = console.payments.start(1, "kaede")
        again = console.payments.start(1, "kaede")
    payment = started.payment
    assert (payment.provider, payment.handle, again.payment.id) == ("kaede", "code-S-1", payment.id)
    assert new_provider_server.requests == ["POST /payments"]
    assert kaede_terminal.json("probe", "payment", str(payment.id)).data["state"] == "user_payment"
    new_provider_server.pay_payment("S-1")
    probed = kaede_terminal.json("probe", "payment", str(payment.id)).data
    assert (probed["state"], probed["provider_payment_id"], probed["captured_minor"]) == ("completed", "kp-1", 3300)
    shown = kaede_terminal.json("show", "payment", str(payment.id)).data
    assert (shown["provider"], shown["provider_state"]) == ("kaede", "paid")
    order = kaede_terminal.json("show", "order", "1").data
    assert (order["state"], order["payment_method"], order["atom_txn_id"]) == ("paid", "kaede", None)
    assert [one["provider"] for one in kaede_terminal.json("lookup", CORPORATION_NUMBER).data["payments"]] == [
        "kaede"
    ]
    for language in wording.LANGUAGES:
        text = kaede_terminal("show", "payment", str(payment.id), LANGUAGE=language)
        assert wording.translate("provider.kaede", language) in text.out.decode()
    assert API_KEY not in json.dumps(shown)


def test_a_payment_is_imported_once(kaede_terminal: Terminal, new_provider_server: KaedeServer) -> None:
    """A payment is imported by our payment number, and a second import returns the same record. The import of a
    payment that the provider doesn't have is refused, and so is an import with a wrong API key.
    """
    first = import_payment(kaede_terminal, new_provider_server)
    assert kaede_terminal.json("payment", "import", "kaede", "ORD-1").data["id"] == first
    assert kaede_terminal.json("payment", "import", "kaede", "ORD-9").exit_status_and_code == (5, "provider_refused")
    denied = kaede_terminal.json("payment", "import", "kaede", "ORD-2", SECRET_KAEDE_API_KEY="another")
    assert denied.exit_status_and_code == (5, "provider_auth")
    for command in (("payment", "import"), ("reconcile",)):
        assert "kaede" in kaede_terminal(*command, "--help").out.decode()


def test_a_refund_takes_two_people(
    kaede_terminal: Terminal, new_provider_server: KaedeServer, tmp_path: Path
) -> None:
    """One person requests a refund and another approves it. The program sends the refund under the stored key, and
    completes it as the provider reports. A replay of the refund's evidence pack has no difference.
    """
    payment = import_payment(kaede_terminal, new_provider_server)
    words = ("refund", "request", str(payment), "--amount=1000", "--reason", "一部返金")
    requested_refund = kaede_terminal.json(*words, OPERATOR=MAKER).data
    assert kaede_terminal.json(
        "refund", "approve", str(requested_refund["id"]), OPERATOR=MAKER
    ).exit_status_and_code == (
        3,
        "same_person",
    )
    sent = kaede_terminal.json("refund", "approve", str(requested_refund["id"]), OPERATOR=CHECKER).data
    assert (sent["state"], sent["checkers"]) == ("submitted", [CHECKER])
    (key,) = new_provider_server.refunds
    assert (key, new_provider_server.refunds[key]["amount"], new_provider_server.refunds[key]["payment"]) == (
        sent["provider_refund_key"],
        1000,
        "kp-1",
    )
    assert kaede_terminal.json("probe", "refund", str(requested_refund["id"])).data["state"] == "submitted"
    new_provider_server.refunds[key]["state"] = "returned"
    assert kaede_terminal.json("probe", "refund", str(requested_refund["id"])).data["state"] == "completed"
    assert kaede_terminal.json("show", "payment", str(payment)).data["refunded_minor"] == 1000
    pack = tmp_path / "refund.zip"
    assert kaede_terminal.json("show", "refund", str(requested_refund["id"]), "--pack", str(pack)).status == 0
    played = kaede_terminal.json("replay", str(pack)).data
    assert (played["answers"] > 0, played["skipped"], played["differ"]) == (True, 0, [])


def test_a_reversible_success_is_shown_as_reversible(
    kaede_terminal: Terminal, new_provider_server: KaedeServer
) -> None:
    """Only the setting `reversible_days` of the provider's plugin decides whether a payment counts as reversible. The
    payment's verdict and the risk signals of its refund say so.
    """
    payment = import_payment(kaede_terminal, new_provider_server)
    with open_console(Settings.load(kaede_terminal.env)) as console:
        verdict = console.payments.read_payment(payment).explanation.verdict
        hits = console.refunds.make_plan(payment, "1000").risk_signals
    assert verdict == "verdict.payment_reversible"
    assert "may_be_reversed" in [one.rule for one in hits]


# The provider's notices, and its days


def test_daily_files_need_their_sentences() -> None:
    """A provider plugin without one of the sentences about its daily files can't be created. So an error about its
    files never uses the sentence of another provider.
    """
    provider = find_plugin("paypay")
    assert provider is not None
    words = {key: texts for key, texts in provider.sentences_by_key.items() if not key.startswith("daily_file.late")}
    with pytest.raises(ValueError, match=r"daily_file\.late\.paypay"):
        dataclasses.replace(provider, sentences_by_key=words)


def test_the_provider_has_its_own_path_for_notices(
    kaede_terminal: Terminal, new_provider_server: KaedeServer
) -> None:
    """A signed notice of the new provider is booked once, at the provider's own path. A forged notice is refused, and
    so is a notice at the path for senders that are no providers.
    """
    new_provider_server.add_payment("ORD-1", 3_300)
    new_provider_server.pay_payment("ORD-1")
    payment = int(kaede_terminal.json("payment", "import", "kaede", "ORD-1").data["id"])
    with open_console(Settings.load(kaede_terminal.env)) as console, run_receiver(console) as receiver:
        good = new_provider_server.make_notice("ORD-1")
        assert receiver.post("/callbacks/kaede", good.body).status == 200
        assert receiver.post("/callbacks/kaede", good.body).status == 200
        assert receiver.post("/callbacks/kaede", new_provider_server.make_notice("ORD-1", "false").body).status == 400
        assert receiver.post("/notices/kaede", good.body).status == 400
    with open_console(Settings.load(kaede_terminal.env)) as console, console.database.read() as conn:
        notices = [
            tuple(row) for row in conn.exec_driver_sql("SELECT source, kind, done FROM payment_events ORDER BY id")
        ]
    assert notices == [("kaede", "paid", "booked"), ("kaede", "refused", "refused")]
    assert kaede_terminal.json("show", "payment", str(payment)).data["captured_minor"] == 3_300


def test_a_reconciliation_asks_the_provider_about_each_payment(
    kaede_terminal: Terminal, new_provider_server: KaedeServer
) -> None:
    """The new provider can't list its payments, so a reconciliation asks it about each of our payments on the
    reconciled days.
    """
    import_payment(kaede_terminal, new_provider_server)
    request_count = len(new_provider_server.requests)
    with open_console(Settings.load(kaede_terminal.env)) as console:
        today = console._context.now().astimezone(provider_registry.get_time_zone("kaede")).date()
        report = console.reconciliation.run("kaede", today, today)
        assert "kaede" in console.reconciliation.views.providers()
    assert (report.matched, report.different_state, report.missing_there) == (1, 0, 0)
    assert len(new_provider_server.requests) == request_count + 1


# The page


def test_the_guide_contains_the_module_of_the_new_provider() -> None:
    """The Python blocks of `docs/adding-a-provider.md`, joined, equal the module of the new provider."""
    blocks, inside = list[str](), False
    for line in GUIDE_FILE.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("```"):
            inside = line.strip() == "```python"
        elif inside:
            blocks.append(line)
    source = (Path(__file__).parents[1] / "support" / "kaede.py").read_text(encoding="utf-8")
    shown = [line for line in "".join(blocks).splitlines() if line]
    assert shown == [line for line in source.splitlines() if line]
