"""Tests that a database belongs to one merchant of each provider: a process with the settings of another merchant
sends nothing to the provider.
"""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pymysql
import pytest

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.payments.records import PaymentImport
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.process.merchants import StoredMerchant
from console.settings.settings import Settings, load_settings
from console.store.database import engine as engine_module
from console.wording.sentences.catalogue import translate
from tests.support.desks import CORPORATION_NUMBERS, MovedClock, make_environment
from tests.support.money_desks import import_paid_payment, make_provider_settings, request_refund
from tests.support.places import Place

OTHER_PAYPAY_SETTINGS = {
    "SECRET_PAYPAY_API_KEY": "a_other_key",
    "SECRET_PAYPAY_API_SECRET": "other-paypay-secret=",
    "SECRET_PAYPAY_MERCHANT_ID": "200000000000000002",
}
OTHER_CLIENT_SETTINGS = {"SECRET_ALARMBOX_CLIENT_ID": "other-client", "SECRET_ALARMBOX_CLIENT_SECRET": "other-secret"}
NEWER_KEYS_OF_OWN_MERCHANT = {
    "SECRET_PAYPAY_API_KEY": "a_newer_key",
    "SECRET_PAYPAY_API_SECRET": "newer-paypay-secret=",
}


def set_up_other_merchants(sandbox: Sandbox) -> None:
    """Configure the simulated providers to accept another PayPay merchant, another AlarmBox client, and a newer key
    of our own PayPay merchant.
    """
    change = sandbox.control.change_settings
    change(
        paypay={"api_key": "a_newer_key", "api_secret": "newer-paypay-secret=", "merchant_id": "100000000000000001"}
    )
    change(
        paypay={"api_key": "a_other_key", "api_secret": "other-paypay-secret=", "merchant_id": "200000000000000002"},
        credentials={"client_id": "other-client", "client_secret": "other-secret", "refresh_token": "other-refresh"},
    )


def read_refusal(act: Callable[[], object]) -> dict[str, Any]:
    """Call `act`, which must be refused, and return a dictionary with the detail of its error and, as `code`, its
    code.
    """
    with pytest.raises(ConsoleError) as caught:
        act()
    return {"code": caught.value.code, **caught.value.detail}


def require_refused(act: Callable[[], object], provider: str, sandbox: Sandbox) -> dict[str, Any]:
    """Call `act`, and assert that it is refused because the settings name another merchant of this provider, and
    that no provider gets a request. Return the code and the detail of the error in one dictionary.
    """
    request_count = len(sandbox.control.read_requests())
    refusal = read_refusal(act)
    assert (refusal["code"], refusal["problem"], refusal["provider"]) == ("bad_profile", "other_merchant", provider)
    assert len(sandbox.control.read_requests()) == request_count
    return refusal


def sell_order(place: Place, sandbox: Sandbox) -> int:
    """Let a payer pay one order by PayPay at our own merchant, and return the id of the payment."""
    with place.open_desk(sandbox, **make_provider_settings(sandbox.url)) as console:
        return import_paid_payment(console, sandbox, "ORD-1").id


def open_with_other_merchant(place: Place, sandbox: Sandbox, person: str = "op-a") -> Any:
    """Return a context manager that opens a desk of this operator on the database, with the keys of the other PayPay
    merchant."""
    return place.open_desk(
        sandbox, desk=1, person=person, **make_provider_settings(sandbox.url) | OTHER_PAYPAY_SETTINGS
    )


@pytest.mark.engines("sqlite", "mariadb")
def test_keys_of_another_merchant_are_refused(place: Place, sandbox: Sandbox) -> None:
    """A desk has the PayPay keys of another merchant, for which PayPay doesn't find our payment: probe, import and
    refund request are refused. A newer key of our own merchant is accepted. The health check `merchants` fails at
    the first desk and succeeds with the newer key.
    """
    payment = sell_order(place, sandbox)
    set_up_other_merchants(sandbox)
    with open_with_other_merchant(place, sandbox) as other:
        refusal = require_refused(lambda: other.payments.probe(payment), "paypay", sandbox)
        require_refused(lambda: other.payments.import_payment(PaymentImport("paypay", "ORD-2")), "paypay", sandbox)
        require_refused(lambda: request_refund(other, payment), "paypay", sandbox)
        (check,) = (check for check in other.health.run_all_checks() if check.name == "merchants")
        assert (check.ok, check.message) == (False, "error.bad_profile.other_merchant")
    shown = {name: refusal[name] for name in ("environment", "merchant", "stored_environment", "stored_merchant")}
    assert shown == {
        "environment": "loopback",
        "merchant": "****0002",
        "stored_environment": "loopback",
        "stored_merchant": "****0001",
    }
    assert refusal["variable"] == "CONSOLE_SECRET_PAYPAY_MERCHANT_ID"
    with place.open_desk(
        sandbox, desk=2, **make_provider_settings(sandbox.url) | NEWER_KEYS_OF_OWN_MERCHANT
    ) as console:
        assert console.payments.probe(payment).state == "completed"
        (check,) = (check for check in console.health.run_all_checks() if check.name == "merchants")
        assert (check.ok, check.message) == (True, "doctor.merchants.ok")
        (check,) = (check for check in console.health.check_database() if check.name == "merchants")
        assert (check.ok, check.message) == (True, "doctor.merchants.stored")
        person = place.get_account_name("op-a")
        assert f"PayPay ****0001 (loopback, stored by {person})" in translate(check.message, "en", **check.facts)
        assert f"PayPay ****0001（loopback、登録者 {person}）" in translate(check.message, "ja", **check.facts)


@pytest.mark.engines("sqlite", "mariadb")
def test_keys_of_another_client_are_refused(place: Place, sandbox: Sandbox) -> None:
    """With the keys of another AlarmBox client, a purchase is refused, because it would be made for the wrong
    client.
    """
    with place.open_desk(sandbox) as console:
        console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))
    set_up_other_merchants(sandbox)
    with place.open_desk(sandbox, None, desk=1, **OTHER_CLIENT_SETTINGS) as other:
        request = PurchaseRequest(CORPORATION_NUMBERS[1], "1")
        require_refused(lambda: other.credit_checks.purchase(request), "alarmbox", sandbox)
        assert other.lookup.find_records(CORPORATION_NUMBERS[1]).credit_checks == ()
    assert sandbox.control.read_ledger()["total"] == 1


@pytest.mark.engines("sqlite", "mariadb")
def test_a_worker_with_keys_of_another_merchant_is_refused(place: Place, sandbox: Sandbox) -> None:
    """A worker with the keys of another merchant is refused at its start, before it runs a due task or takes a desk
    request.
    """
    payment = sell_order(place, sandbox)
    set_up_other_merchants(sandbox)
    with open_with_other_merchant(place, sandbox, place.notice_account_name) as worker:
        require_refused(worker.require_own_merchants, "paypay", sandbox)
    with place.open_desk(
        sandbox, desk=2, person=place.notice_account_name, **make_provider_settings(sandbox.url)
    ) as worker:
        worker.require_own_merchants()
        assert {run.task for run in worker.recovery.run_all_tasks()} >= {"payment_polls"}
        assert worker.payments.probe(payment).state == "completed"


@pytest.mark.engines("sqlite", "mariadb")
def test_only_the_schema_account_changes_the_merchant(
    place: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the schema account can change the stored merchant of a database, and only while no refund is open.
    Afterwards a desk that still has the settings of the former merchant is refused.
    """
    monkeypatch.setattr(engine_module, "DATABASE_CHECK_INTERVAL_SECONDS", 0.0)
    with place.open_desk(sandbox, **make_provider_settings(sandbox.url)) as running:
        payment = import_paid_payment(running, sandbox, "ORD-1")
        set_up_other_merchants(sandbox)
        refund = request_refund(running, payment.id)
        with open_with_other_merchant(place, sandbox, "") as admin:
            change = partial(admin.merchants.store_merchant_of_settings, "paypay", "another contract")
            refusal = read_refusal(change)
            assert (refusal["code"], refusal["reason"], refusal["count"]) == ("in_progress", "provider_work_open", 1)
            running.refunds.withdraw(refund.id)
            changed = change()
            assert (changed.is_changed, changed.merchant_before, changed.merchant) == (True, "****0001", "****0002")
            assert not change().is_changed
        require_refused(lambda: request_refund(running, payment.id), "paypay", sandbox)
    with place.open_desk(sandbox, desk=2, **make_provider_settings(sandbox.url)) as former:
        require_refused(lambda: former.payments.probe(payment.id), "paypay", sandbox)
    with open_with_other_merchant(place, sandbox) as other:
        request_count = len(sandbox.control.read_requests())
        import_refusal = read_refusal(lambda: other.payments.import_payment(PaymentImport("paypay", "ORD-9")))
        assert import_refusal["code"] != "bad_profile"
        assert len(sandbox.control.read_requests()) > request_count
    rows = place.sql(
        "SELECT what, result, detail FROM audit_log"
        " WHERE what LIKE 'merchant.%' AND subject_id = 'paypay' ORDER BY id"
    )
    assert [row[:2] for row in rows] == [
        ("merchant.stored", "done"),
        ("merchant.change", "refused"),
        ("merchant.changed", "done"),
    ]
    assert "another contract" in str(rows[-1][2])
    assert not any("200000000000000002" in str(row) for row in rows)


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("person", ["op-a", "lead-b", "worker"])
def test_no_account_replaces_the_stored_merchant(place: Place, sandbox: Sandbox, person: str) -> None:
    """No account of a person or worker can replace the stored merchant, or store a first merchant under another
    person's name. This holds for the command and for plain SQL.
    """
    payment = sell_order(place, sandbox)
    set_up_other_merchants(sandbox)
    with open_with_other_merchant(place, sandbox, person) as other:
        refusal = read_refusal(lambda: other.merchants.store_merchant_of_settings("paypay", "mine"))
        assert refusal["code"] == "not_allowed"
    stored = place.sql("SELECT value FROM console_meta WHERE name = 'merchant.paypay'")
    mine = place.get_account_name(person)
    digest = "0" * 32
    forged = (
        f"UPDATE console_meta SET value = 'loopback **** {digest} {mine}' WHERE name = 'merchant.paypay'",
        "DELETE FROM console_meta WHERE name = 'merchant.paypay'",
        f"REPLACE INTO console_meta VALUES ('merchant.paypay', 'loopback **** {digest} {mine}')",
        f"INSERT INTO console_meta VALUES ('merchant.paypay', '{mine}') ON DUPLICATE KEY UPDATE value = '{mine}'",
        f"INSERT INTO console_meta VALUES ('MERCHANT.PAYPAY', 'loopback **** {digest} {mine}')",
        f"INSERT INTO console_meta VALUES ('merchant.paypay ', 'loopback **** {digest} {mine}')",
        f"INSERT INTO console_meta VALUES ('merchant.elsewhere', 'loopback **** {digest} {mine}')",
        f"INSERT INTO console_meta VALUES ('merchant.atom', 'loopback **** {digest} somebody')",
        f"INSERT INTO console_meta VALUES ('merchant.atom', '{mine}')",
        f"INSERT INTO console_meta VALUES ('database_id', 'loopback **** {digest} {mine}')",
    )
    with closing(_open_connection(place, person)) as connection, connection.cursor() as cursor:
        for statement in forged:
            with pytest.raises(pymysql.MySQLError):
                cursor.execute(statement)
            connection.rollback()
    assert place.sql("SELECT value FROM console_meta WHERE name = 'merchant.paypay'") == stored
    assert StoredMerchant.parse(str(stored[0][0])).stored_by == place.get_account_name("op-a")
    with place.open_desk(sandbox, desk=2, **make_provider_settings(sandbox.url)) as console:
        assert console.payments.probe(payment).state == "completed"


def _open_connection(place: Place, person: str) -> Any:
    """Return a plain database connection that is signed in as this operator's account."""
    from sqlalchemy import make_url

    url = make_url(place.url(person))
    return pymysql.connect(
        host=url.host, port=url.port or 3306, user=url.username, password=str(url.password), database=url.database
    )


def test_the_environment_is_part_of_the_merchant(tmp_path: Path) -> None:
    """A provider's test environment, its production environment and a simulator on this machine count as different
    merchants.
    """
    secrets = {"CONSOLE_SECRET_PAYPAY_MERCHANT_ID": "123456789", "CONSOLE_SECRET_ATOM_MERCH_ID": "317157"}

    def read_merchant_setting(provider: str, profile: str = "", **env: str) -> tuple[str, str]:
        """Return the environment and the masked id of the merchant in the settings."""
        (tmp_path / "profile.toml").write_text(profile, encoding="utf-8")
        settings = load_settings({"CONSOLE_HOME": str(tmp_path), **secrets, **env}, find_keyring=lambda: None)
        merchant = settings.read_merchant(provider)
        assert "123456789" not in repr(merchant)
        return merchant.environment, merchant.masked_id

    assert (
        read_merchant_setting("paypay")
        == read_merchant_setting("paypay", '[paypay]\nurl = "https://apigw.paypay.ne.jp"\n')
        == ("production", "****6789")
    )
    assert read_merchant_setting("paypay", '[paypay]\nenvironment = "sandbox"\n')[0] == "sandbox"
    assert read_merchant_setting("paypay", CONSOLE_PAYPAY_URL="https://proxy.example:8443")[0] == "proxy.example"
    assert read_merchant_setting("paypay", CONSOLE_PAYPAY_URL="http://127.0.0.1:1")[0] == "loopback"
    assert read_merchant_setting("atom") == ("production", "****57")
    assert read_merchant_setting("atom", '[atom]\nenvironment = "uat"\n')[0] == "uat"
    mixed = '[atom]\nrefund_url = "https://caller.atomtech.in/ots/refund"\n'
    assert read_merchant_setting("atom", mixed)[0] == "production+uat"
    assert read_merchant_setting("alarmbox") == ("production", "****")


@pytest.mark.engines("sqlite", "mariadb")
def test_reading_stores_no_merchant(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """A lookup and the health checks store no merchant in the database; on SQLite, the first call to a provider
    stores the merchant of this provider only.
    """
    with place.open_desk(sandbox, clock, **make_provider_settings(sandbox.url)) as console:
        console.lookup.find_records(CORPORATION_NUMBERS[0])
        console.health.run_all_checks()
        assert not place.sql("SELECT name FROM console_meta WHERE name LIKE 'merchant.%'")
        import_paid_payment(console, sandbox, "ORD-1")
        assert place.sql("SELECT name FROM console_meta WHERE name LIKE 'merchant.%'") == [("merchant.paypay",)] or (
            place.is_server
        )


def test_a_restored_copy_belongs_to_the_same_merchant(tmp_path: Path, sandbox: Sandbox) -> None:
    """A copy of the production database is used on a test machine with the settings of the simulated providers:
    the test machine's calls to the providers are refused, because the copy still belongs to the production
    merchant.
    """
    real = make_environment(tmp_path, sandbox.url, **make_provider_settings(sandbox.url))
    with open_console(Settings.load(real)) as console:
        _store_merchant(console, "paypay", "production ****0001 0123456789abcdef0123456789abcdef night")
    with open_console(Settings.load(real)) as console:
        require_refused(lambda: console.payments.import_payment(PaymentImport("paypay", "ORD-1")), "paypay", sandbox)


def _store_merchant(console: Console, provider: str, value: str) -> None:
    """Store the text `value` (environment, masked id, digest, person) as the provider's merchant in the database."""
    from console.store.migrations import upgrade as migrate

    console.database.write(
        lambda tx: migrate.store_meta_if_missing(tx.conn, migrate.MERCHANT_NAME_PREFIX + provider, value)
    )
