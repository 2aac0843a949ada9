"""What this process counts and times, in the text format that Prometheus reads."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from platform import node

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.serving.served import Health

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENCY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)


# When a series began, as a gauge beside each: Prometheus knows when it first saw one.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Requests by function and status, their latency, the sizes of model calls, and what the models say.

    process: which of the app's processes counts; a request for them reaches any one.
    """

    def __init__(self, process: str = f"{node()}:{os.getpid()}") -> None:
        self.process = process
        self.registry = CollectorRegistry()
        labels = ("function", "status")
        self._requests = Counter("tally_requests", "HTTP requests answered.", labels, registry=self.registry)
        self._latency = Histogram(
            "tally_request_seconds",
            "Time in the function.",
            ("function",),
            buckets=LATENCY_SECONDS,
            registry=self.registry,
        )
        self._batches = Histogram(
            "tally_batch_size", "Items in a call of the model.", ("model",), buckets=BATCH_SIZES, registry=self.registry
        )

    def answered(self, function: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(function, status).inc()
        self._latency.labels(function).observe(seconds)

    def called(self, model: str, size: int) -> None:
        """Count a call of a model."""
        self._batches.labels(model).observe(size)

    def text(self, models: Iterable[Health]) -> bytes:
        """All of it, and how the models stand."""
        return b"".join(
            generate_latest(_OfProcess(part, self.process)) for part in (self.registry, _Models(list(models)))
        )


@dataclass(frozen=True, slots=True)
class _OfProcess(Collector):
    """The same series with a label that says of which process: those of several are never taken for one."""

    collected: Collector
    process: str

    def collect(self) -> Iterable[Metric]:
        for family in self.collected.collect():
            samples = family.samples
            family.samples = [one._replace(labels={**one.labels, "process": self.process}) for one in samples]
            yield family


@dataclass(frozen=True, slots=True)
class _Models(Collector):
    models: Sequence[Health]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        info = GaugeMetricFamily("tally_model_info", "The version that answers.", labels=("model", "version"))
        degraded = GaugeMetricFamily("tally_model_degraded", "1 where something is wrong.", labels=("model",))
        inside = GaugeMetricFamily("tally_queue", "Items that have entered and not left.", labels=("model",))
        for model in self.models:
            info.add_metric((model.name, model.version), 1)
            degraded.add_metric((model.name,), float(bool(model.problem)))
            inside.add_metric((model.name,), model.inside)
        return info, degraded, inside


@cache
def metrics() -> Metrics:
    """This process's metrics."""
    return Metrics()
