"""The triggers that make runs of uploads: Event Grid's messages, and the timer that finds what they missed."""

import logging

import azure.functions as func

from functions.dependencies import intake
from shared.telemetry import log
from shared.uploads import read_uploads

blueprint = func.Blueprint()


@blueprint.queue_trigger(arg_name="message", queue_name="uploads", connection="ControlStorage")
def start_uploaded(message: func.QueueMessage) -> None:
    """Start the runs of what was uploaded; the same event again changes nothing."""
    for upload in read_uploads(message.get_body()):
        for run_id in intake().start_all(upload):
            log("upload", run=run_id, container=upload.container)


@blueprint.queue_trigger(arg_name="message", queue_name="uploads-poison", connection="ControlStorage")
def give_up_upload(message: func.QueueMessage) -> None:
    """Say what could not be used of an upload's event; the sweep starts the run if there is such a blob."""
    log("upload's event given up", level=logging.ERROR, message=repr(message.get_body()[:1000]))


@blueprint.timer_trigger(schedule="%UPLOAD_SWEEP_SCHEDULE%", arg_name="timer", run_on_startup=False)
def sweep_uploads(timer: func.TimerRequest) -> None:
    """Start the runs of uploads whose event was lost; locally, under Core Tools, of all."""
    log("uploads swept", missed=len(intake().sweep()))
