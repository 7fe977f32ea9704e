"""Everything that one record's screen or `show` needs, of any kind of record."""

from typing import TypeAlias

from console.domain.payment_results import OrderView, PaymentView, RefundView
from console.domain.results import CreditCheckView, OperationView

AnyView: TypeAlias = CreditCheckView | OperationView | OrderView | PaymentView | RefundView
