"""What every test may use, and the order in which files of tests are taken up."""

import importlib.util
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.azurite"] if importlib.util.find_spec("tests.azurite") else []

# Processes of tests share the cores: threads of linear algebra that spin while they wait take them from the others.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Where tests run in the background of a shell, Ctrl-C is ignored, by them and by all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What a test finds must not depend on what else the machine does.
settings.register_profile("tally", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tally")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole apps first, then files with slow tests: a long file begun last would keep one process busy alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.parent.name != "end_to_end", item.path not in slow))
