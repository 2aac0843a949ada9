"""A small function app with every trigger the local host knows."""

import json
import threading
import typing

import azure.functions as func

from tests.devhost.witness import saw

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route(route="items/{id:int}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
def item(req: func.HttpRequest) -> func.HttpResponse:
    answer = {
        "id": req.route_params["id"],
        "query": dict(req.params),
        "body": req.get_body().decode(),
        "method": req.method,
        "url": req.url,
        "header": req.headers.get("x-test"),
    }
    response = func.HttpResponse(json.dumps(answer), status_code=201, mimetype="application/json")
    response.headers.add("x-answer", "42")
    response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly")
    response.headers.add("Set-Cookie", "b=2")
    return response


@app.route(route="items/all", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def all_items(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("all")


@app.route(route="secret")
def secret(req: func.HttpRequest) -> str:
    return "told"


@app.route(route="master", auth_level=func.AuthLevel.ADMIN)
def master(req: func.HttpRequest) -> str:
    return "ruled"


@app.route(route="broken", auth_level=func.AuthLevel.ANONYMOUS)
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("broken on purpose")


@app.route(route="send", auth_level=func.AuthLevel.ANONYMOUS)
@app.queue_output(arg_name="one", queue_name="%OUT_QUEUE%", connection="ControlStorage")
@app.queue_output(arg_name="many", queue_name="%OUT_QUEUE%", connection="ControlStorage")
def send(req: func.HttpRequest, one: func.Out[str], many: func.Out[typing.List[str]]) -> str:  # noqa: UP006
    one.set("first")
    many.set(["second", "third"])
    return "sent"


@app.timer_trigger(schedule="%TICK_SCHEDULE%", arg_name="timer", run_on_startup=False)
def tick(timer: func.TimerRequest) -> None:
    saw("tick", timer.past_due)


@app.queue_trigger(arg_name="message", queue_name="%IN_QUEUE%", connection="ControlStorage")
def take(message: func.QueueMessage) -> None:
    body = message.get_body().decode()
    saw("take", (body, message.dequeue_count, message.id))
    if body == "hang" and message.dequeue_count == 1:
        threading.Event().wait()


@app.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%EVENT_HUB_NAME%",
    connection="EventHubs",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,
    consumer_group="%EVENT_HUB_CONSUMER_GROUP%",
)
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
def events_in(events: typing.List[func.EventHubEvent], context: func.Context) -> None:  # noqa: UP006
    first = events[0]
    metadata = {name: first.metadata[name] for name in ("PartitionContext", "PropertiesArray", "SystemPropertiesArray")}
    bodies = [event.get_body() for event in events]
    saw("events_in", (bodies, [e.sequence_number for e in events], metadata, context.retry_context.retry_count))


@app.event_hub_message_trigger(
    arg_name="event", event_hub_name="single", connection="EventHubs", cardinality=func.Cardinality.ONE
)
def one_event(event: func.EventHubEvent) -> None:
    saw("one", (event.get_body(), event.sequence_number, event.partition_key, event.enqueued_time))
