"""Fixtures that every test may use."""

import importlib.util

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.azurite"] if importlib.util.find_spec("tests.azurite") else []

# What a test finds must not depend on what else the machine does.
settings.register_profile("tally", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tally")
