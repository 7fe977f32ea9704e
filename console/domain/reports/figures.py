"""The figures of all reports in one object, so that another program can read them with one command."""

from dataclasses import dataclass

from console.domain.reports.provider_success import ProviderSuccess
from console.domain.reports.queue_ages import QueueAgeReport
from console.domain.reports.refund_funnel import RefundFunnelReport
from console.domain.reports.settlement import SettlementReport
from console.domain.reports.time_to_truth import TimeToTruthReport


@dataclass(frozen=True, slots=True)
class ReportFigures:
    """Figures of the five reports on the screen Reports: success rates of the providers, ages of the queues, steps
    of refunds, settlement, and times for which outcomes were unknown."""

    success: ProviderSuccess
    queue_ages: QueueAgeReport
    refund_funnel: RefundFunnelReport
    settlement: SettlementReport
    time_to_truth: TimeToTruthReport
