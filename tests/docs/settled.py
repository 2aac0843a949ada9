"""`sleep` for scripts: waits until what was sent or trained has arrived, instead of so many seconds.

That is: all readings are in windows and these in files, and the app has looked once more for newer models.
"""

import time

from cli.context import settings, storage
from devhost.intake import look_at_intake
from devhost.sandbox import wait_for

wait_for(lambda: look_at_intake(storage(), settings()).complete, "The readings were not all taken in")
time.sleep(settings().reload_seconds + 1)
