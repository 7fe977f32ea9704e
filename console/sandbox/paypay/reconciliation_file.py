"""PayPay's reconciliation file: one day of Japan as CSV in Shift_JIS, behind a signed address that ends."""

import csv
import hashlib
import io
import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from console.sandbox.clock import JST
from console.sandbox.payment_book import Payment
from console.sandbox.wire import Refused, error_reply
from console.sandbox.world import World

COLUMNS = (
    "決済番号", "加盟店ID", "屋号", "店舗ID", "店舗名", "端末番号/PosID", "取引ステータス", "取引日時", "取引金額",
    "レシート番号", "支払い方法", "マーチャント決済ID", "支払い詳細",
)  # fmt: skip
LIFETIME = timedelta(hours=2)
NAMED = re.compile(r"transaction_([A-Za-z0-9-]+)_([0-9]{8})000000_[0-9]{8}235959_v2[.]csv")


@dataclass(frozen=True, slots=True)
class ReconFile:
    """One file that was announced."""

    name: str
    merchant: str
    day: date


class ReconFiles:
    """Announces files and makes them from the book when they are fetched."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key = secrets.token_hex(16)

    def announce(self, merchant: str, day: date) -> str:
        """Path and query of a day's file, good for two hours."""
        stamp = day.strftime("%Y%m%d")
        name = f"transaction_{merchant}_{stamp}000000_{stamp}235959_v2.csv"
        ends = int((self._world.clock.now() + LIFETIME).timestamp())
        return f"/paypay/recon/{name}?sig={ends}-{self._mark(name, ends)}"

    def signed(self, name: str, signature: str) -> ReconFile:
        """The file behind an address. Raises `Refused`, 403."""
        ends, _, mark = signature.partition("-")
        named = NAMED.fullmatch(name)
        genuine = ends.isdecimal() and secrets.compare_digest(mark.encode(), self._mark(name, int(ends)).encode())
        if named is None or not genuine:
            raise Refused(error_reply(403, "the address is not signed"))
        if self._world.clock.now().timestamp() > int(ends):
            raise Refused(error_reply(403, "the address has ended"))
        return ReconFile(name, named[1], datetime.strptime(named[2] + "+0900", "%Y%m%d%z").date())

    def content(self, file: ReconFile) -> bytes:
        """Shift_JIS, LF; the oldest line first."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for _, row in sorted(self._rows(file), key=lambda line: line[0]):
            writer.writerow(row)
        return text.getvalue().encode("cp932", "replace")

    def _rows(self, file: ReconFile) -> list[tuple[datetime, list[str]]]:
        rows = []
        for payment in self._world.payments.payments("paypay"):
            if payment.merchant == file.merchant and payment.id is not None:
                rows += _lines(payment, failures=self._world.settings.paypay_recon_failures)
        return [(at, row) for at, row in rows if at.astimezone(JST).date() == file.day]

    def _mark(self, name: str, ends: int) -> str:
        return hashlib.sha256(f"{self._key}:{name}:{ends}".encode()).hexdigest()[:32]


def _lines(payment: Payment, *, failures: bool) -> list[tuple[datetime, list[str]]]:
    found = []
    if payment.ended:
        found.append((payment.ended, _row(payment, "取引完了", payment.ended, payment.captured_minor)))
    elif failures and payment.state == "FAILED" and payment.begun:
        found.append((payment.begun, _row(payment, "取引失敗", payment.begun, payment.amount_minor)))
    for refund in payment.refunds:
        word = {"REFUNDED": "返金完了", "REFUND_FAILED": "返金失敗"}.get(refund.state)
        if word:
            found.append((refund.at, _row(payment, word, refund.at, -refund.amount_minor)))
    return found


def _row(payment: Payment, status: str, at: datetime, amount: int) -> list[str]:
    when = at.astimezone(JST).isoformat(timespec="seconds")
    return [str(payment.id), payment.merchant, "架空商店", "1", "架空本店", "", status, when, str(amount), "",
            "PayPay残高", payment.number, ""]  # fmt: skip
