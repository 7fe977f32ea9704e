"""Compare the merchant id of this desk with the merchant id under which a payment was started.

A gateway finds a payment only with the credentials of the merchant that started it. With the credentials of another
merchant (a new contract, a wrong profile), the gateway answers "no such payment". This answer proves nothing about
the payment.
"""

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import BadProfileDetail
from console.domain.payments.records import Payment
from console.domain.setting_problems import SettingProblem
from console.services.guarded.idempotency import is_payment_key_of_other_merchant
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.store.operations import journal


def is_of_other_merchant(context: ServiceContext, payment_providers: PaymentProviders, payment: Payment) -> bool:
    """True if this program started the payment under a merchant id that differs from this desk's merchant id. False
    for an imported payment, because its merchant id isn't stored. Raises bad_profile if the provider is not
    configured on this desk.
    """
    if payment.operation_id is None:
        return False
    merchant_id = payment_providers.get_merchant_id(payment.provider)
    with context.database.read() as conn:
        key = journal.find_idempotency_key(conn, payment.operation_id)
    # An earlier version of the program made the key from the provider's name.
    return bool(merchant_id and key) and is_payment_key_of_other_merchant(key or "", payment.provider, merchant_id)


def refuse_record_of_other_merchant(
    context: ServiceContext, payment_providers: PaymentProviders, payment: Payment
) -> None:
    """Raise bad_profile (detail.problem `record_of_other_merchant`) if the payment was started under a merchant id
    that differs from this desk's merchant id. Also raise bad_profile if the provider is not configured on this desk.
    """
    if is_of_other_merchant(context, payment_providers, payment):
        facts: BadProfileDetail = {
            "variable": f"CONSOLE_{payment.provider.upper()}_URL",
            "problem": SettingProblem.RECORD_OF_OTHER_MERCHANT,
            "provider": payment.provider,
        }
        raise ConsoleError(ErrorCode.BAD_PROFILE, facts)
