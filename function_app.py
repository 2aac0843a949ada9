"""The Function App: registers the triggers, nothing else."""

import azure.functions as func

from functions import operations, readings, realtime, runs, scoring, uploads

app = func.FunctionApp()
for family in (readings, scoring, uploads, runs, realtime, operations):
    app.register_functions(family.blueprint)
