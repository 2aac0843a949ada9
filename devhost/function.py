"""What the worker reports about a function, as values: the host's listeners are made from nothing else."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from devhost.app_settings import expand


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding: its parameter's name, its type, and the rest of what function.json would hold."""

    name: str
    type: str
    direction: str
    values: Mapping[str, Any]

    def text(self, key: str, default: str = "") -> str:
        """A value as text; `default` where there is none."""
        return str(self.values.get(key) or default)


@dataclass(frozen=True, slots=True)
class Retry:
    """A function's retry policy; `limit` -1 means for ever, `exponential` doubles from `least` to `most`."""

    limit: int
    exponential: bool
    least: timedelta
    most: timedelta

    def delay(self, attempt: int) -> float:
        """Seconds to wait before retry `attempt` (1 is the first)."""
        if not self.exponential:
            return self.least.total_seconds()
        # 2**30 s exceeds every interval, and a float cannot hold the doubling of endless retries.
        grown = self.least.total_seconds() * 2.0 ** min(attempt - 1, 30)
        return min(grown, self.most.total_seconds())


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """A function of the app; properties read from its trigger are empty where they do not apply."""

    name: str
    function_id: str
    trigger: Binding
    outputs: tuple[Binding, ...]
    retry: Retry | None = None

    @property
    def trigger_type(self) -> str:
        """`httpTrigger`, `timerTrigger`, `queueTrigger`, `eventHubTrigger`..."""
        return self.trigger.type

    @property
    def route(self) -> str:
        """The route template, without the prefix."""
        return self.trigger.text("route", self.name) if self.trigger_type == "httpTrigger" else ""

    @property
    def methods(self) -> tuple[str, ...]:
        """HTTP methods in capitals; empty means all."""
        return tuple(str(method).upper() for method in self.trigger.values.get("methods") or ())

    @property
    def auth_level(self) -> str:
        """`anonymous`, `function` or `admin`."""
        return self.trigger.text("authLevel", "function").lower()

    @property
    def schedule(self) -> str:
        """The timer's schedule."""
        return self.trigger.text("schedule")

    @property
    def run_on_startup(self) -> bool:
        """True where the timer also fires when the host starts."""
        return bool(self.trigger.values.get("runOnStartup"))

    @property
    def queue(self) -> str:
        """The queue that triggers the function."""
        return self.trigger.text("queueName")

    @property
    def connection(self) -> str:
        """The name of the setting that holds the trigger's connection."""
        return self.trigger.text("connection", "AzureWebJobsStorage")

    @property
    def event_hub(self) -> str:
        """The event hub that triggers the function."""
        return self.trigger.text("eventHubName")

    @property
    def consumer_group(self) -> str:
        """The consumer group it is read with."""
        return self.trigger.text("consumerGroup", "$Default")

    @property
    def many(self) -> bool:
        """True where one call takes a batch of events."""
        return self.trigger.text("cardinality", "many").lower() == "many"

    @property
    def binary(self) -> bool:
        """True where the trigger wants bytes, not text."""
        return self.trigger.text("dataType").lower() == "binary"

    def expanded(self, settings: Mapping[str, str]) -> "FunctionInfo":
        """The same with every `%SETTING%` of its bindings replaced; raises SettingsError."""
        outputs = tuple(_expand(binding, settings) for binding in self.outputs)
        return replace(self, trigger=_expand(self.trigger, settings), outputs=outputs)


def read_function(metadata: Any) -> FunctionInfo:
    """The worker's RpcFunctionMetadata as a value."""
    bindings = [_read_binding(raw) for raw in metadata.raw_bindings]
    trigger = next(binding for binding in bindings if binding.type.lower().endswith("trigger"))
    outputs = tuple(binding for binding in bindings if binding.direction == "out")
    retry = _read_retry(metadata.retry_options)
    return FunctionInfo(metadata.name, metadata.function_id, trigger, outputs, retry)


def of_type(functions: Iterable[FunctionInfo], trigger_type: str) -> list[FunctionInfo]:
    """Those with that kind of trigger."""
    return [function for function in functions if function.trigger_type == trigger_type]


def _read_binding(raw: str) -> Binding:
    values = json.loads(raw)
    return Binding(values["name"], values["type"], str(values["direction"]).lower(), values)


def _read_retry(options: Any) -> Retry | None:
    if options is None:
        return None
    if options.retry_strategy == "fixed_delay":
        return Retry(options.max_retry_count, False, options.delay_interval, options.delay_interval)
    return Retry(options.max_retry_count, True, options.minimum_interval, options.maximum_interval)


def _expand(binding: Binding, settings: Mapping[str, str]) -> Binding:
    values = {
        key: expand(value, settings) if isinstance(value, str) else value for key, value in binding.values.items()
    }
    return replace(binding, values=values)
