"""Makes the page about the metrics that a receiver returns at `/metrics`, from the receiver's own answer and its
registry of metrics.
"""

import asyncio
import tempfile
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from console.app import open_console
from console.settings.settings import load_settings
from console.worker.connection_limits import OpenConnections, ReceiverOptions, SenderAddressFinder, ServiceCallThreads
from console.worker.prometheus_metrics import WorkerMetrics

_PAGE_HEAD = """# Figures of /metrics

Made by `python -m scripts.reference` from what a receiver gives; a test keeps it in step. The format is Prometheus'
text format. Labels name sources, results and queues, never a payer or company. *This process*: since it was started.
A ratio without any observation is `NaN`; without an answer of the database its figures are missing and `database_up`
is 0.

| name | type | labels | meaning |
| --- | --- | --- | --- |
"""


def make_metrics_page() -> str:
    """Return the page in Markdown."""
    rows = [f"| `{name}` | {kind} | {labels} | {meaning} |" for name, kind, labels, meaning in _list_figures()]
    return _PAGE_HEAD + "\n".join(rows) + "\n"


def _list_figures() -> list[tuple[str, str, str, str]]:
    """Return name, type, labels and meaning of each figure, sorted by name."""
    with tempfile.TemporaryDirectory() as home:
        env = {
            "CONSOLE_HOME": home,
            "CONSOLE_SECRET_STORE_KEY": "k" * 16,
            "CONSOLE_DOCUMENTS_URL": Path(home).as_uri(),
        }
        with open_console(load_settings(env, find_keyring=lambda: None), program="worker") as console:
            options = ReceiverOptions()
            connections = OpenConnections(1, 1, SenderAddressFinder(()))
            threads = ServiceCallThreads("metrics", 1, 1)
            try:
                metrics = WorkerMetrics(console, options, connections, threads)
                page = asyncio.run(metrics.make_metrics_page()).decode()
            finally:
                threads.close()
    declared = {
        name: getattr(collector, "_labelnames", ())
        for name, collector in metrics.registry._names_to_collectors.items()
    }
    rows = []
    for family in text_string_to_metric_families(page):
        sampled_labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        labels = ", ".join(f"`{label}`" for label in sorted({*sampled_labels, *declared.get(family.name, ())}))
        if not family.name.endswith("_created"):
            name = family.name + ("_total" if family.type == "counter" else "")
            rows.append((name, family.type, labels, family.documentation))
    return sorted(rows)
