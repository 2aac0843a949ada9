"""The Function App: registers the triggers, nothing else."""

import azure.functions as func

from functions import inference, operations, readings, realtime, runs, scoring, uploads

app = func.FunctionApp()
for family in (readings, scoring, uploads, runs, realtime, inference, operations):
    app.register_functions(family.blueprint)
