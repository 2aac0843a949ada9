"""The workloads that there are: the one list of them. A new batch scoring problem is one more line here."""

from typing import Any

from shared.anomaly_detection.workload import ANOMALY
from shared.runs.workload import Workload
from shared.style_transfer.workload import STYLE

WORKLOADS: tuple[Workload[Any], ...] = (ANOMALY, STYLE)
NAMES = tuple(workload.name for workload in WORKLOADS)
IMAGES = tuple(dict.fromkeys(workload.image for workload in WORKLOADS))
"""The scoring images of all workloads, each once."""
BY_NAME = {workload.name: workload for workload in WORKLOADS}
