"""The program: everything that scoring does, free of Azure Functions types so that any host can call it."""

import os

from shared.loopback import spare_loopback

# Here, because whatever starts imports this first: the app, the host and its services, commands, tasks on any node.
spare_loopback(os.environ)
