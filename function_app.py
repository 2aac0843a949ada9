"""The Function App: checks the settings and registers the triggers, nothing else."""

import azure.functions as func

from functions import inference, operations, readings, realtime, runs, scoring, uploads
from functions.dependencies import check_settings

# The host serves nothing of an app that does not load, and logs why: no route answers that could only fail.
check_settings()
app = func.FunctionApp()
for family in (readings, scoring, uploads, runs, realtime, inference, operations):
    app.register_functions(family.blueprint)
