"""A person in team mode who unmasks a payer sees the payer's name for a minute; the desk reads the name through two
database views.
"""

from console.domain.payments.unmasking import UNMASKED_SECONDS
from console.sandbox.server import Sandbox
from tests.services.payments.test_unmasking import ANSWER_WITH_PAYER, MASKED_PAYER, PAYER, make_payment_with_payer
from tests.support.money_desks import make_provider_settings
from tests.support.places import Place
from tests.support.team_mode import keep_executing_desk_requests, start_team_mode


def test_an_unmasked_payer_is_read_through_views_for_a_short_time(place: Place, sandbox: Sandbox) -> None:
    """The database views show the unmasked payer only while the person's own audit entry about the unmasking is
    younger than a minute. This holds for every time zone of the database session.
    """
    people = f"`{place.sql('SELECT DATABASE()')[0][0]}_people`"
    with place.open_desk(sandbox, person="worker", desk=1, **make_provider_settings(sandbox.url)) as worker:
        payment = make_payment_with_payer(place, worker, sandbox)
        read = f"SELECT payer_ref FROM {people}.unmasked_payers WHERE id = {payment.id}"
        start_team_mode(place, "op-a")
        with keep_executing_desk_requests(worker), place.open_desk(sandbox, person="op-a", desk=2) as desk:
            assert desk.recovery.read_unmasked("payment", payment.id) is None
            desk.recovery.unmask("payment", payment.id, "the caller names the payer")
            unmasked_texts = desk.recovery.read_unmasked("payment", payment.id)
            assert unmasked_texts is not None
            assert unmasked_texts.payer == PAYER
            assert ANSWER_WITH_PAYER in unmasked_texts.answers.values()
            record = desk.payments.read_payment(payment.id).record
            assert record.payer == MASKED_PAYER
            with desk.database.read() as conn:
                assert conn.exec_driver_sql(read).scalar() == PAYER
                conn.exec_driver_sql("SET SESSION time_zone = '-12:00'")
                assert conn.exec_driver_sql(read).scalar() == PAYER
        place.drop_table_triggers("audit_log")
        place.sql(f"UPDATE audit_log SET at = at - INTERVAL {UNMASKED_SECONDS} SECOND WHERE what = 'payment.unmask'")
        with place.open_desk(sandbox, person="op-a", desk=2) as desk:
            assert desk.recovery.read_unmasked("payment", payment.id) is None
            with desk.database.read() as conn:
                conn.exec_driver_sql("SET SESSION time_zone = '-12:00'")
                assert conn.exec_driver_sql(read).scalar() is None
                texts = conn.exec_driver_sql(f"SELECT body FROM {people}.unmasked_evidence").scalars()
                assert not any(texts)
