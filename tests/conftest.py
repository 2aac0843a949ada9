"""Fixtures that every test may use."""

import importlib.util

pytest_plugins = ["tests.azurite"] if importlib.util.find_spec("tests.azurite") else []
