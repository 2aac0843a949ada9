"""The record of the real service, and the comparison of a frame with it, field by field."""

import json
import re
from collections.abc import Mapping
from typing import Any

from peers.eventhub.amqp import types
from peers.eventhub.amqp.decoding import decode
from peers.eventhub.amqp.performatives import Performative
from peers.eventhub.amqp.types import Described
from peers.eventhub.messages import sections
from tests.peers.eventhub.conftest import RECORD

KINDS: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "null or false": (type(None), bool),
    "boolean": (bool,),
    "ubyte": (types.UByte,),
    "ushort": (types.UShort,),
    "uint": (types.UInt,),
    "ulong": (types.ULong,),
    "int": (types.Int,),
    "long": (types.Long,),
    "integer, width not seen": (int,),
    "timestamp": (types.Timestamp,),
    "string": (str,),
    "symbol": (types.Symbol,),
    "binary": (bytes,),
    "array of string": (types.Array,),
    "array of symbol": (types.Array,),
}
SECTIONS = {
    0x71: "delivery-annotations",
    0x72: "message-annotations",
    0x73: "properties",
    0x74: "application-properties",
    0x77: "amqp-value",
}
ACCEPTED = 0x24

type Value = Any
type Echo = Mapping[str, Value]
"""What a client sent, by the record's words for it."""


def operations() -> dict[str, dict[str, Value]]:
    """The record's operations by name."""
    return {each["name"]: each for each in json.loads(RECORD.read_text())["operations"]} if RECORD.exists() else {}


def differences(expected: Mapping[str, Value], frame: Performative, payload: bytes, echo: Echo) -> list[str]:
    """Where a frame is not what the record says of it; `expected` has the record's fields."""
    found = []
    for name, value in expected.items():
        if name == "message":
            found += _message(value, payload, echo)
        elif name == "properties" and "value" in value:
            found += _map(name, value["value"], getattr(frame, name) or {}, echo)
        elif name == "error" and "condition" in value:
            parts = dict(zip(("condition", "description", "info"), frame.error.value, strict=True))  # type: ignore[attr-defined]
            found += [each for part, one in parts.items() for each in _value(f"error.{part}", value[part], one, echo)]
        elif isinstance(value, str) and name != "state":
            continue  # in words: for the test to see
        elif name == "channel":
            found += _value(name, value, types.UShort(echo[name]), echo)
        elif name == "state":
            found += _state(value, frame.state)  # type: ignore[attr-defined]
        else:
            found += _value(name, value, _field(frame, name), echo)
    return found


def annotations(payload: bytes) -> Mapping[str, Value]:
    """The message annotations of an event, by their names."""
    held: Mapping[Any, Value] = next(decode(payload, each.value)[0] for each in sections(payload) if each.code == 0x72)
    return {str(name): value for name, value in held.items()}


def _field(frame: Performative, name: str) -> Value:
    if name == "code":
        return frame.outcome  # type: ignore[attr-defined]
    if name in {"source_address", "target_address"}:
        return getattr(frame, name.partition("_")[0]).value[0]
    if name == "source_filter":
        filters = frame.source.value[7:8]  # type: ignore[attr-defined]
        return filters[0] if filters else None
    return getattr(frame, name)


def _state(expected: str, state: Described) -> list[str]:
    sound = state.value == [] and (state.descriptor == ACCEPTED or not expected.startswith("accepted"))
    return [] if sound else [f"state: {state} is not {expected}"]


def _value(name: str, expected: Mapping[str, Value], value: Value, echo: Echo) -> list[str]:
    if "echo" in expected:
        wanted = echo[expected["echo"]]
        return [] if (type(value), value) == (type(wanted), wanted) else [f"{name}: {value!r} is not {wanted!r}"]
    if "descriptor" in expected:
        held = (value or {}).get(expected["key"])
        assert isinstance(held, Described)
        return _value(name, expected["descriptor"], held.descriptor, echo) + _value(
            name, expected["value"], held.value, echo
        )
    if type(value) not in KINDS[expected["type"]] and expected["type"] != "integer, width not seen":
        return [f"{name}: {value!r} is a {type(value).__name__}, not {expected['type']}"]
    return [] if _fits(expected, value) else [f"{name}: {value!r} is not {expected}"]


def _fits(expected: Mapping[str, Value], value: Value) -> bool:
    if "pattern" in expected:
        return bool(re.fullmatch(expected["pattern"], value))
    if "text" in expected:
        return bool(value == expected["text"].encode())
    if "hex" in expected:
        return bool(value == bytes.fromhex(expected["hex"]))
    if "value" in expected:
        return bool(list(value) == expected["value"] if isinstance(value, tuple) else value == expected["value"])
    return True


def _map(name: str, expected: Mapping[str, Value], values: Mapping[Any, Value], echo: Echo) -> list[str]:
    """A map's entries in the order expected; "by kind of token" stands for those of the token that was put."""
    wanted: dict[str, Value] = {}
    for key, value in expected.items():
        if key == "by kind of token":
            wanted |= value[echo["kind of token"]]
        elif not (key.startswith("(") or ("only if" in value.get("echo", "") and echo[value["echo"]] is None)):
            wanted[key] = value
    own = echo.get("as sent", 0)
    keys = [str(key) for key in values][own:]
    found = [] if sorted(keys) == sorted(wanted) else [f"{name}: has {keys}, not {list(wanted)}"]
    if name != "properties" and keys != list(wanted):
        found.append(f"{name}: {keys} are not in the order {list(wanted)}")
    return found + [each for key, one in wanted.items() for each in _value(f"{name}.{key}", one, values.get(key), echo)]


def _message(expected: Mapping[str, Value], payload: bytes, echo: Echo) -> list[str]:
    parts = {SECTIONS[each.code]: decode(payload, each.value)[0] for each in sections(payload) if each.code in SECTIONS}
    found = []
    if "body" in expected and list(parts) != expected["sections"]:
        found.append(f"message: has {list(parts)}, not {expected['sections']}")
    for name, value in expected.items():
        held: Value = parts.get("amqp-value" if name == "body" else name)
        if name == "properties":
            found += _value("correlation-id", value["correlation-id"], held[5], echo)
        elif name in {"application-properties", "body", "message-annotations"} and value.get("type") != "null":
            found += _map(name, value.get("value", value), held, echo if name == "message-annotations" else {})
        elif name == "delivery-annotations" and held is not None:
            found += _map(name, value["value"], held, {})
    return found
