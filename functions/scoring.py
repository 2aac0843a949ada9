"""The timer that starts runs for the spans that are due."""

import azure.functions as func

from functions.dependencies import driver, settings, storage
from shared.anomaly_detection import workload as anomaly

blueprint = func.Blueprint()


@blueprint.timer_trigger(schedule="%SCORING_SCHEDULE%", arg_name="timer", run_on_startup=False)
def start_due_runs(timer: func.TimerRequest) -> None:
    """Start a run for every span that has ended; late or doubled ticks change nothing."""
    anomaly.start_due_runs(driver(), storage(), settings())
