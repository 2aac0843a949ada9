"""Azurite, pinned by a lock file and run by the Node of a Python wheel: nothing is asked of the system."""

from devhost.azurite.install import install, installed
from devhost.azurite.run import command, environment

__all__ = ["command", "environment", "install", "installed"]
