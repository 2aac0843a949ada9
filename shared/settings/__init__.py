"""The settings of the app: read from the environment, checked together, and said all at once where they are wrong.

- fields.py: every setting, with its default, its rule and its help
- rules.py, checks.py, faults.py: what a value may be, what values must be together, how faults are gathered
- connection.py, storage_account.py, event_hub_string.py: how services are reached
- mounts.py: what nodes mount
- file.py: local.settings.json;  spelling.py: names that are nearly right
- this_machine.py: what the local host adds;  start.py: what is looked at before a start
"""

from shared.settings.checks import COMPUTES, by_workload
from shared.settings.connection import Connection
from shared.settings.fields import Settings
from shared.settings.file import load_local_settings, read_settings_file

__all__ = [
    "COMPUTES",
    "Connection",
    "Settings",
    "by_workload",
    "load_local_settings",
    "read_settings_file",
]
