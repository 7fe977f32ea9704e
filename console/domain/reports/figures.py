"""All reports together, for programs that read them at once."""

from dataclasses import dataclass

from console.domain.reports.provider_success import ProviderSuccess
from console.domain.reports.queue_ages import QueueAgeReport
from console.domain.reports.refund_funnel import RefundFunnelReport
from console.domain.reports.settlement import SettlementReport
from console.domain.reports.time_to_truth import TimeToTruthReport


@dataclass(frozen=True, slots=True)
class ReportFigures:
    """The values of all reports on the screen Reports."""

    success: ProviderSuccess
    queue_ages: QueueAgeReport
    refund_funnel: RefundFunnelReport
    settlement: SettlementReport
    time_to_truth: TimeToTruthReport
