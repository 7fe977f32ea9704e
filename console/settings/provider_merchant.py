"""The merchant as which this desk calls a provider."""

from dataclasses import dataclass, field

_LONG_ID_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class ProviderMerchant:
    """The merchant as which this desk calls a provider. `environment`: name of the provider's environment, such as
    `production`; for an origin that is not the provider's own, the host of this origin; for an origin on this
    machine, `loopback`. `merchant_id`: the id that the provider has given to our merchant; "" if it is missing.
    """

    environment: str
    merchant_id: str = field(repr=False)

    @property
    def masked_id(self) -> str:
        """`****` and the last characters of the merchant's id, for people: two, or four of a long id."""
        shown = 4 if len(self.merchant_id) >= _LONG_ID_CHARACTERS else 2
        return f"****{self.merchant_id[-shown:]}"
