"""Tests of re-fetches that fail in our own program or disk: the failed part isn't reported as fetched, and a part
that was read earlier stays stored.
"""

import shutil

import pytest
from sqlalchemy import text

from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.places import Place
from tests.support.refusals import call_for_refusal

PURCHASE_REQUEST = PurchaseRequest(CORPORATION_NUMBERS[0], "1")


def test_a_desk_with_another_store_key_refuses_a_refetch(place: Place, sandbox: Sandbox) -> None:
    """A desk whose store key differs from the database's refuses a re-fetch, as it refuses a purchase, and leaves the
    record unchanged.
    """
    with place.open_desk(sandbox) as console:
        bought = console.credit_checks.purchase(PURCHASE_REQUEST)
    with (
        place.open_desk(sandbox, SECRET_STORE_KEY="quite-another-store-key") as console,
        pytest.raises(ConsoleError, match="bad_profile"),
    ):
        console.credit_checks.refetch(bought.id)
    with place.open_desk(sandbox) as console:
        assert console.credit_checks.read_credit_check(bought.id).record.version == bought.version


@pytest.mark.expects_log("the break is told")
@pytest.mark.parametrize("step", ["before_detail", "before_pdf"])
def test_a_refetch_with_a_failed_part_stores_the_other_part(place: Place, sandbox: Sandbox, step: str) -> None:
    """A record lacks its result and its PDF. One of the parts that a re-fetch reads (detail, PDF) fails in our own
    program: the error names that part, and the other part is stored.
    """
    sandbox.control.add_fault("no_result", call="purchase", number=CORPORATION_NUMBERS[0])
    for call in ("detail", "pdf"):
        sandbox.control.add_fault("status:500", call=call)
    with place.open_desk(sandbox, FAILPOINT=f"{step}:2:raise") as console:
        bought = console.credit_checks.purchase(PURCHASE_REQUEST)
        assert set(bought.incomplete) == {"result", "pdf"}
        with pytest.raises(ConsoleError) as refused:
            console.credit_checks.refetch(bought.id)
    failed = refused.value.detail["failed"]
    assert isinstance(failed, list)
    assert [part["part"] for part in failed] == [step.removeprefix("before_")]
    assert refused.value.exit_status == 5
    assert isinstance(stored := refused.value.detail["record"], CreditCheck)
    # The answer with the PDF has the result, too.
    assert stored.incomplete == (() if step == "before_detail" else ("pdf",))
    with place.open_desk(sandbox) as console:
        assert console.credit_checks.read_credit_check(bought.id).record.incomplete == stored.incomplete


def test_a_store_key_that_decrypts_nothing_is_a_setting_error(place: Place, sandbox: Sandbox) -> None:
    """The desk's store key can't decrypt the stored tokens: the error is about the settings (exit status 2), and no
    call is sent to AlarmBox.
    """
    with place.open_desk(sandbox) as console:
        bought = console.credit_checks.purchase(PURCHASE_REQUEST)
        with console.database.write_without_retries() as tx:
            tx.conn.execute(text("UPDATE provider_tokens SET sealed = 'v2.gAAAAdamaged', version = 2"))
    request_count = len(sandbox.control.read_requests())
    with place.open_desk(sandbox) as console:
        with pytest.raises(ConsoleError) as refused:
            console.credit_checks.refetch(bought.id)
        assert (refused.value.code, refused.value.exit_status) == ("bad_profile", 2)
        assert (set(refused.value.detail), refused.value.detail["about"]) == ({"record", "about"}, "refetch")
    assert len(sandbox.control.read_requests()) == request_count


@pytest.mark.expects_log("the lack of room is told")
def test_a_refetch_on_a_full_disk_fails_with_storage_full(place: Place, sandbox: Sandbox) -> None:
    """If the PDF of a re-fetch can't be written, the re-fetch fails with `storage_full`. The record still has its
    earlier PDF.
    """
    with place.open_desk(sandbox) as console:
        bought = console.credit_checks.purchase(PURCHASE_REQUEST)
        shutil.rmtree(place.documents)
        (place.documents).write_text("a file stands where the folder was")
        with pytest.raises(ConsoleError) as refused:
            console.credit_checks.refetch(bought.id)
        assert (refused.value.code, refused.value.exit_status) == ("storage_full", 6)
        assert console.credit_checks.read_credit_check(bought.id).record.pdf_file_path == bought.pdf_file_path


@pytest.mark.engines("sqlite")
def test_a_token_endpoint_that_gives_no_answer_refuses_no_credentials(place: Place, sandbox: Sandbox) -> None:
    """AlarmBox no longer accepts the access token, and the connection breaks while a newer one is requested. The
    error of a purchase and of a re-fetch says that AlarmBox could not be reached, also for a repeated request id,
    and not that it refused the credentials, because then an administrator would authorise the console again. After
    a revoked token the error is `provider_auth`.
    """
    with place.open_desk(sandbox, TIME_SCALE="20") as console:
        bought = console.credit_checks.purchase(PURCHASE_REQUEST)
        sandbox.control.add_fault("reset", call="token", times="always")
        for call in ("purchase", "detail"):
            sandbox.control.add_fault("token_expired", call=call, times=1)
        request = PurchaseRequest(CORPORATION_NUMBERS[1], "1")
        for _ in range(2):
            refused = call_for_refusal(lambda: console.credit_checks.purchase(request, request_id="one"))
            assert (refused.code, refused.detail["reason"]) == ("provider_unreachable", "connection_broken")
            # As if the process had been killed before it stored the error.
            place.sql("UPDATE request_ids SET state = 'running', answer = NULL, lease_expires = 0")
        refused = call_for_refusal(lambda: console.credit_checks.refetch(bought.id, pdf=False))
        assert [part["code"] for part in refused.detail["failed"]] == ["provider_unreachable"]
        sandbox.control.clear_faults()
        sandbox.control.add_fault("token_revoked", call="detail", times=1)
        refused = call_for_refusal(lambda: console.credit_checks.refetch(bought.id, pdf=False))
        assert refused.code == "provider_auth"
