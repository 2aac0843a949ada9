"""The timer that starts the runs that are due, of every workload that has such."""

import azure.functions as func

from functions.dependencies import driver, settings, storage
from shared.workloads import WORKLOADS

blueprint = func.Blueprint()


@blueprint.timer_trigger(schedule="%SCORING_SCHEDULE%", arg_name="timer", run_on_startup=False)
def start_due_runs(timer: func.TimerRequest) -> None:
    """Start a run for every span that has ended; late or doubled ticks change nothing."""
    for workload in WORKLOADS:
        if workload.start_due:
            workload.start_due(driver(), storage(), settings())
