"""Tests of the health checks of a desk in team mode: they check its worker, and the credentials that the desk no
longer needs.
"""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from console.app import open_console, open_health_checks
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.provider_outcome import SendingCertainty
from console.domain.records import PurchaseRequest
from console.domain.service_results import HealthCheck
from console.sandbox.server import Sandbox
from console.services.payments.probe import make_question
from console.settings.settings import Settings, load_settings
from console.store.access import operators
from console.wording.sentences.catalogue import translate
from tests.support.desks import UNUSED_URL, MovedClock
from tests.support.invented import invent_numbers
from tests.support.keyrings import MemoryKeyring
from tests.support.payment_desks import make_settings, open_payment_desk
from tests.support.places import Place, ServerPlace
from tests.support.team_mode import keep_executing_desk_requests, start_team_mode

CREDENTIAL_VARIABLE_PREFIXES = ("CONSOLE_SECRET_", "CONSOLE_ALARMBOX_URL")


def load_settings_without_credentials(place: Place, keyring: MemoryKeyring | None = None, **given: str) -> Settings:
    """Return the settings of op-a's desk, with no credentials except those in the environment variables `given`
    and in the keyring.
    """
    facts = {
        name: value
        for name, value in place.make_environment(UNUSED_URL).items()
        if not name.startswith(CREDENTIAL_VARIABLE_PREFIXES)
    }
    return load_settings(facts | given, find_keyring=lambda: keyring)


def run_checks(settings: Settings) -> Mapping[str, HealthCheck]:
    """Return the health checks of a desk with these settings, by name."""
    return {check.name: check for check in open_health_checks(settings).run_all_checks()}


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_desk_in_team_mode_names_its_worker(place: Place, sandbox: Sandbox, language: str) -> None:
    """The health checks of a desk in team mode name its worker, and need no credentials, store key or provider
    address.
    """
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox, person="worker", desk=1) as worker, keep_executing_desk_requests(worker):
        checks = run_checks(load_settings_without_credentials(place))
    assert [name for name, check in checks.items() if not check.ok] == ["switches"]
    worker_check = checks["worker"]
    words = translate(worker_check.message, language, **worker_check.facts)
    assert place.get_account_name("worker") in words
    assert worker_check.facts["seconds"] in (0, 1, 2)
    assert {checks[name].message.rpartition(".")[2] for name in ("store_key", "alarmbox", "paypay", "atom")} == {
        "unneeded"
    }


def test_the_doctor_reports_a_missing_worker(place: Place, sandbox: Sandbox) -> None:
    """Without a running worker, the health check `worker` fails and states a next step. The desk still needs no
    credentials.
    """
    start_team_mode(place, "op-a")
    checks = run_checks(load_settings_without_credentials(place))
    assert (checks["worker"].ok, checks["worker"].next) == (False, "doctor.worker.next")
    assert checks["store_key"].ok
    with open_console(load_settings_without_credentials(place)) as desk:
        assert desk.desk_status.read_desk_update().is_worker_away
        with place.open_desk(sandbox, person="worker", desk=1) as worker, keep_executing_desk_requests(worker):
            assert not desk.desk_status.read_desk_update().is_worker_away
        assert desk.desk_status.read_desk_update().is_worker_away


def test_views_without_their_tables_are_a_schema_mismatch(place: Place) -> None:
    """While `db restore` on a server hasn't loaded the tables, a desk in team mode has its views and no tables behind
    them. The desk is refused with `schema_mismatch`, not with an internal error. The test renames one of the tables.
    """
    assert isinstance(place, ServerPlace)
    start_team_mode(place, "op-a")
    place.sql("RENAME TABLE console_meta TO console_meta_away")
    try:
        with pytest.raises(ConsoleError) as refused, open_console(load_settings_without_credentials(place)):
            pass
    finally:
        place.sql("RENAME TABLE console_meta_away TO console_meta")
    assert refused.value.code == "schema_mismatch"


def test_the_checks_of_an_open_desk_keep_its_connection(place: Place, sandbox: Sandbox) -> None:
    """The health checks that a window runs at its start do not close the desk's database connection. Otherwise each
    later transaction would open a new connection.
    """
    with place.open_desk(sandbox) as desk:
        desk.health.run_all_checks()
        with desk.database.read() as conn:
            used = conn.connection.dbapi_connection
        with desk.database.read() as conn:
            assert conn.connection.dbapi_connection is used
        desk.health.check_database()
        with desk.database.read() as conn:
            assert conn.connection.dbapi_connection is used


def test_an_account_that_acts_itself_needs_its_credentials(place: Place) -> None:
    """The checks of a desk that isn't in team mode report missing credentials, and contain no check of a worker. Such
    a desk refuses to delete its credentials.
    """
    settings = load_settings_without_credentials(place)
    checks = run_checks(settings)
    assert "worker" not in checks
    assert not checks["store_key"].ok
    assert not checks["alarmbox"].ok
    with open_console(settings) as desk:
        assert not desk.desk_status.read_desk_update().is_worker_away
        with pytest.raises(ConsoleError) as refused:
            desk.desk_status.delete_unneeded_credentials()
    assert (refused.value.code, refused.value.detail["problem"]) == ("usage", "desk_acts")


@pytest.mark.parametrize("code", [ErrorCode.NOT_ALLOWED, ErrorCode.READ_ONLY, ErrorCode.STORAGE_FULL])
def test_no_credentials_are_called_missing_if_the_worker_is_unknown(
    place: Place, monkeypatch: pytest.MonkeyPatch, code: ErrorCode
) -> None:
    """The database refuses the read that shows whether a worker acts for this person. Then the desk perhaps needs no
    credentials, so the checks of the store key, AlarmBox and a gateway only say that the database can't be used."""

    def refuse_read(*_: object) -> bool:
        raise ConsoleError(code)

    monkeypatch.setattr(operators, "acts_through_worker", refuse_read)
    checks = run_checks(load_settings_without_credentials(place, CONSOLE_PAYPAY_URL=UNUSED_URL))
    for name in ("store_key", "alarmbox", "paypay"):
        assert (checks[name].ok, checks[name].message) == (False, "doctor.unseen.bad"), name
        assert checks[name].next == "doctor.unseen.next"


def test_left_over_credentials_are_reported_and_deleted(place: Place) -> None:
    """A desk in team mode deletes its provider credentials and its store key from the keyring and leaves the password
    there. It names the environment variables that still contain credentials.
    """
    start_team_mode(place, "op-a")
    entries = {"PAYPAY_API_KEY": "x", "STORE_KEY": "a-key-that-is-long-enough", "mine": "y"}
    keyring = MemoryKeyring(entries)
    given = {"CONSOLE_SECRET_ATOM_PASSWORD": "z", "CONSOLE_SECRET_NOTICE_SHOP_KEY": "n"}
    settings = load_settings_without_credentials(place, keyring, CONSOLE_TIME_SCALE="1", **given)
    check = run_checks(settings)["credentials"]
    variables = tuple(given)
    assert (check.ok, check.message, check.next) == (True, "doctor.credentials.advice", "doctor.credentials.next")
    assert check.facts["names"] == ("PAYPAY_API_KEY", "STORE_KEY", *variables)
    with open_console(settings) as desk:
        done = desk.desk_status.delete_unneeded_credentials()
        assert (done.keyring_entries, done.environment_variables) == (("PAYPAY_API_KEY", "STORE_KEY"), variables)
        assert desk.desk_status.delete_unneeded_credentials().keyring_entries == ()
    assert keyring.entries == {"mine": "y"}
    check_after = run_checks(settings)["credentials"]
    assert (check_after.message, check_after.facts["names"]) == ("doctor.credentials.given", variables)


def test_the_store_key_stays_while_the_spool_has_answers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the spool has answers that the database lacks, the desk doesn't delete the store key, because only this
    key decrypts the answers.
    """
    start_team_mode(place, "op-a")
    keyring = MemoryKeyring({"STORE_KEY": "a-key-that-is-long-enough"})
    with open_console(load_settings_without_credentials(place, keyring)) as desk:
        monkeypatch.setattr(desk._context.spool, "list_undelivered_entries", lambda _: ("an answer",))
        with pytest.raises(ConsoleError) as refused:
            desk.desk_status.delete_unneeded_credentials()
    assert refused.value.detail["problem"] == "answers_wait"
    assert "STORE_KEY" in keyring.entries


def test_a_desk_without_credentials_offers_the_same_actions(
    place: Place, sandbox: Sandbox, clock: MovedClock
) -> None:
    """A desk in team mode without credentials offers the same actions, refund plans and providers as a desk with
    credentials, but it calls no provider itself.
    """
    start_team_mode(place, "op-a")
    extra = make_settings(sandbox.url)
    (number,) = invent_numbers(1, seed=11)
    with (
        place.open_desk(sandbox, clock, person="worker", desk=1, **extra) as worker,
        keep_executing_desk_requests(worker),
        open_payment_desk(place, sandbox, clock) as scene,
        open_console(load_settings_without_credentials(place), clock) as desk,
    ):
        bought = scene.console.credit_checks.purchase(PurchaseRequest(number, "1"))
        scene.console.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
        scene.money.change_payment_state("paypay", "ORD-1", "paid")
        paid = scene.find_payment("paypay", "ORD-1")
        assert paid is not None
        desk.payments.probe(paid.id)
        for kind, id in (("credit-check", bought.id), ("payment", paid.id)):
            assert desk.recovery.find_choices(kind, id) == scene.console.recovery.find_choices(kind, id)
        plans = [one.refunds.make_plan(paid.id) for one in (desk, scene.console)]
        assert replace(plans[0], read_at=plans[1].read_at) == plans[1]
        assert {"paypay", "atom"} <= set(desk.payment_providers)
        assert {"paypay", "atom"} <= set(desk.reconciliation.views.providers())
        called = desk._record_readers.payment_providers.get_reader("paypay").read_payment(make_question(paid))
        assert (called.sent, called.reason) == (SendingCertainty.NO, "worker_away")
