"""The simulated PayPay's reconciliation file: one Japanese day as CSV in Shift_JIS, at a signed URL that expires."""

import csv
import hashlib
import io
import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from console.sandbox.environment.clock import JST
from console.sandbox.http.messages import RequestRefused, make_error_reply
from console.sandbox.payments.ledger import Payment
from console.sandbox.paypay.state import PayPayState

RECONCILIATION_COLUMN_TITLES = (
    "決済番号", "加盟店ID", "屋号", "店舗ID", "店舗名", "端末番号/PosID", "取引ステータス", "取引日時", "取引金額",
    "レシート番号", "支払い方法", "マーチャント決済ID", "支払い詳細",
)  # fmt: skip
SIGNED_URL_LIFETIME = timedelta(hours=2)
RECONCILIATION_FILE_NAME_PATTERN = re.compile(r"transaction_([A-Za-z0-9-]+)_([0-9]{8})000000_[0-9]{8}235959_v2[.]csv")


@dataclass(frozen=True, slots=True)
class ReconciliationFile:
    """One reconciliation file: its name, merchant and Japanese day."""

    name: str
    merchant_id: str
    day: date


class ReconciliationFileMaker:
    """Makes the URLs of reconciliation files. The content of a file is made from the payment ledger when the file is
    downloaded.
    """

    def __init__(self, state: PayPayState) -> None:
        self._state = state
        self._signing_key = secrets.token_hex(16)

    def make_signed_path(self, merchant: str, day: date) -> str:
        """Return the URL path and query for the download of a merchant's file of this day. The URL is valid for two
        hours."""
        stamp = day.strftime("%Y%m%d")
        name = f"transaction_{merchant}_{stamp}000000_{stamp}235959_v2.csv"
        expiry_epoch = int((self._state.clock.now() + SIGNED_URL_LIFETIME).timestamp())
        return f"/paypay/recon/{name}?sig={expiry_epoch}-{self._sign_name(name, expiry_epoch)}"

    def require_file_of_url(self, name: str, signature: str) -> ReconciliationFile:
        """Return the reconciliation file that a signed URL names. `name` is the file's name in the path of the URL,
        `signature` the value of its parameter `sig`.

        Raises `RequestRefused`, 403, if the signature is invalid or has expired.
        """
        expiry_epoch, _, sent_signature = signature.partition("-")
        match = RECONCILIATION_FILE_NAME_PATTERN.fullmatch(name)
        is_genuine = expiry_epoch.isdecimal() and secrets.compare_digest(
            sent_signature.encode(), self._sign_name(name, int(expiry_epoch)).encode()
        )
        if match is None or not is_genuine:
            raise RequestRefused(make_error_reply(403, "the address is not signed"))
        if self._state.clock.now().timestamp() > int(expiry_epoch):
            raise RequestRefused(make_error_reply(403, "the address has ended"))
        return ReconciliationFile(name, match[1], datetime.strptime(match[2] + "+0900", "%Y%m%d%z").date())

    def make_content(self, file: ReconciliationFile) -> bytes:
        """Return the content of the file in Shift_JIS with LF line ends, the oldest record first."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(RECONCILIATION_COLUMN_TITLES)
        for _, row in sorted(self._make_dated_rows(file), key=lambda line: line[0]):
            writer.writerow(row)
        return text.getvalue().encode("cp932", "replace")

    def _make_dated_rows(self, file: ReconciliationFile) -> list[tuple[datetime, list[str]]]:
        """Return the rows of the file with their times, in the sequence of the payments."""
        rows = []
        for payment in self._state.payment_ledger.list_payments("paypay"):
            if payment.merchant == file.merchant_id and payment.id is not None:
                rows += _make_payment_rows(payment, lists_failures=self._state.settings.paypay_lists_failed_payments)
        return [(at, row) for at, row in rows if at.astimezone(JST).date() == file.day]

    def _sign_name(self, name: str, expiry_epoch_seconds: int) -> str:
        return hashlib.sha256(f"{self._signing_key}:{name}:{expiry_epoch_seconds}".encode()).hexdigest()[:32]


def _make_payment_rows(payment: Payment, *, lists_failures: bool) -> list[tuple[datetime, list[str]]]:
    """Return the rows about a payment and its ended refunds, each with its time. If `lists_failures` is True, a
    failed payment has a row, too."""
    lines = []
    if payment.captured_at:
        lines.append(
            (payment.captured_at, _make_payment_row(payment, "取引完了", payment.captured_at, payment.captured_minor))
        )
    elif lists_failures and payment.state == "FAILED" and payment.begun_at:
        lines.append(
            (payment.begun_at, _make_payment_row(payment, "取引失敗", payment.begun_at, payment.amount_minor))
        )
    for refund in payment.refunds:
        word = {"REFUNDED": "返金完了", "REFUND_FAILED": "返金失敗"}.get(refund.state)
        if word:
            lines.append(
                (refund.accepted_at, _make_payment_row(payment, word, refund.accepted_at, -refund.amount_minor))
            )
    return lines


def _make_payment_row(payment: Payment, status: str, at: datetime, amount: int) -> list[str]:
    time_text = at.astimezone(JST).isoformat(timespec="seconds")
    return [str(payment.id), payment.merchant, "架空商店", "1", "架空本店", "", status, time_text, str(amount), "",
            "PayPay残高", payment.merchant_payment_id, ""]  # fmt: skip
