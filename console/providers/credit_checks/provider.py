"""Protocols through which the services call the providers of credit checks."""

from dataclasses import dataclass, field
from typing import Protocol

from console.domain.provider_outcome import Outcome
from console.domain.records import CheckReport, PurchaseRequest

PURCHASED_WITHOUT_ID_REASON = "made_without_id"
"""Reason of an unknown purchase whose answer (status 2xx) has the contents of the purchased credit check, but not its
id: the provider says that it has made the purchase, but nobody can read the credit check without the id.
"""


@dataclass(frozen=True, slots=True)
class CreditCheckCapabilities:
    """Features of a provider of credit checks. The services check these features and never the provider's name.

    - `identifies_by_number`: companies are identified by corporation number (otherwise by name)
    - `gives_verdict`: the result of a credit check is ok, hold or ng (if False, it is only a number)
    - `has_pdf`: a credit check has a report as a PDF file
    - `finds_purchases`: the provider can list the purchases for a corporation number
    """

    identifies_by_number: bool
    gives_verdict: bool
    has_pdf: bool
    finds_purchases: bool


@dataclass(frozen=True, slots=True)
class PdfAnswer:
    """The report of a credit check and the bytes of its PDF file (`content`). The file is checked: a complete PDF of
    at most 32 MiB.
    """

    report: CheckReport
    content: bytes = field(repr=False)


class CreditCheckReader(Protocol):
    """Read-only calls to a provider of credit checks: a caller that has only this protocol can't buy.

    No method raises an exception for errors of the provider or the network: every answer and every missing answer
    becomes an Outcome. A read that gets no usable answer is UNKNOWN: `sent` is NO if the request wasn't sent, and
    `status` is None if no answer arrived.
    """

    @property
    def name(self) -> str:
        """The name of the provider, such as `alarmbox`, as it is stored with records."""

    @property
    def capabilities(self) -> CreditCheckCapabilities:
        """The capabilities of the provider."""

    def read_detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        """Read the report of one credit check, and return the outcome with the report. The outcome is FAILED_DEFINITE
        with status 403 if this console may not see the report, for example because its viewing period is over.
        """
        ...

    def read_pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        """Read the report of one credit check with its PDF file. Return the outcome with the report and the file. A
        reason that begins with `pdf_` names a defect of the file.
        """
        ...

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        """Read the list of purchases for a corporation number, and return the outcome with their reports. If the
        provider has no such call, nothing is sent and the outcome is UNKNOWN with the reason `no_list_call`.
        """
        ...


class CreditCheckProvider(CreditCheckReader, Protocol):
    """All calls to a provider of credit checks, including the purchase."""

    def buy_check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        """Buy one credit check, and return the outcome with the provider's report. This is the only call that costs
        money, and it isn't repeated automatically.

        Raises no `Exception`: an error becomes an outcome. `sent` is NO only if certainly no byte of the request was
        sent. FAILED_DEFINITE, AUTH and RATE_LIMITED mean that nothing was bought; every other outcome except
        SUCCEEDED is UNKNOWN.
        """
        ...

    def make_reader(self) -> CreditCheckReader:
        """Return an adapter of this provider without the method `buy_check`."""
        ...
