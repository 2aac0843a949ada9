"""The peer against the record of the real service, operation by operation and field by field."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from peers import jwt
from peers.azure.tokens import PRINCIPAL
from peers.eventhub.amqp import frames
from peers.eventhub.amqp.performatives import (
    SOURCE,
    TARGET,
    Attach,
    Begin,
    Close,
    Detach,
    End,
    Flow,
    Open,
    Performative,
    SaslInit,
    Transfer,
    pack,
    unpack,
)
from peers.eventhub.amqp.types import Described, Long, Symbol, UByte, UInt, ULong, UShort
from peers.eventhub.broker import Broker, HubSpec
from peers.eventhub.connection import Service
from peers.eventhub.messages import BATCH_FORMAT, read_message, read_transfer
from peers.eventhub.times import Times
from peers.eventhub.tokens import RESOURCE, Keys
from tests.peers.eventhub.conftest import IDENTITY, KEY, RECORD
from tests.peers.eventhub.record import Echo, annotations, differences, operations
from tests.peers.eventhub.wire import Wire, section, signature

pytestmark = pytest.mark.skipif(not RECORD.exists(), reason=f"{RECORD} is not here.")
RECORDED = operations()

HOST = "sb://127.0.0.1"
HUB, PARTITION = "amqps://127.0.0.1/readings", "amqps://127.0.0.1/readings/Partitions/0"
EVENTS = "amqps://127.0.0.1/readings/ConsumerGroups/$Default/Partitions/0"
SIZE = ULong(1_048_576)
SAS, JWT = "sastoken of a policy of the namespace", "jwt"

NOT_CLAIMED = {
    "link stolen: after_seconds": "a setting, Times.stolen: 3.5 s, because .NET's checks wait for 4",
    "replies never settled: which state": "its bytes were counted, not read; here it is released",
    "echo: again": "seen once in a recording; here it comes every 180 s",
    "offsets: annotated events": "what their senders wrote is not in the record",
    "without key: where the turn starts": "it is not fixed",
    "deliver large event: third frame": "not read",
    "put-token, no such hub: after 0.23 s": "refused at once here",
}


@dataclass
class Client:
    """A client as the record's: on channel 1, with handles in turn. `said` has what the peer answered since asked."""

    times: Times = field(default_factory=Times)
    opened: dict[str, Any] = field(default_factory=dict)
    echo: dict[str, Any] = field(default_factory=dict)
    _handle: int = -1
    _sent: int = -1

    async def __aenter__(self) -> "Client":
        hubs = [HubSpec("readings", 2)]
        self.wire = Wire(Service(Broker(hubs), Keys(KEY, IDENTITY), self.times))
        self.wire.feed(frames.SASL_HEADER)
        self.wire.feed(frames.write_frame(0, SaslInit(mechanism=Symbol("ANONYMOUS"), initial_response=b""), 1))
        self.wire.feed(frames.AMQP_HEADER)
        self.echo["container-id of open"] = "test-container"
        fields: dict[str, Any] = {"max_frame_size": UInt(1_048_576), "channel_max": UShort(65_535)} | self.opened
        self.say(Open(container_id="test-container", hostname="127.0.0.1", **fields))
        windows: dict[str, Any] = {"incoming_window": UInt(65_536), "outgoing_window": UInt(65_536)}
        self.say(Begin(next_outgoing_id=UInt(0), handle_max=UInt(2**32 - 1), **windows))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.wire.close()
        self.wire.service.broker.close()

    def say(self, performative: Performative, payload: bytes = b"") -> None:
        body = pack(performative) + payload
        self.wire.feed((8 + len(body)).to_bytes(4) + b"\x02\0\0\x01" + body)

    async def heard(self) -> list[tuple[Performative, bytes]]:
        return [unpack(frame.body) for frame in await self.wire.frames()]

    def attach(self, source: str, target: str, *, reading: bool, **fields: Any) -> None:
        self._handle += 1
        filters = fields.pop("filters", None)
        ends = Described(ULong(SOURCE), [source, *[None] * 6, filters]), Described(ULong(TARGET), [target])
        fields = {"snd_settle_mode": UByte(0), "rcv_settle_mode": UByte(0)} | fields
        name = f"link-{uuid4()}"
        self.echo |= {"name": name, "source.address": source, "target.address": target}
        self.echo |= {"rcv-settle-mode": fields["rcv_settle_mode"], "max-message-size": fields.get("max_message_size")}
        properties = fields.get("properties") or {}
        self.echo["its value"] = properties.get("com.microsoft:timeout")
        self.echo["its value, only if it was sent"] = properties.get("com.microsoft:epoch")
        self.say(Attach(name=name, handle=UInt(self._handle), role=reading, source=ends[0], target=ends[1], **fields))

    def attach_pair(self, node: str) -> None:
        self.attach(node, node, reading=True)
        names = [self.echo["name"]]
        self.attach(node, node, reading=False)
        self.echo["names"] = [*names, self.echo["name"]]

    def flow(self, handle: int, credit: int, count: int = 0) -> None:
        windows: dict[str, Any] = {"incoming_window": UInt(65_536), "outgoing_window": UInt(65_536)}
        numbers = {"delivery_count": UInt(count), "link_credit": UInt(credit), "handle": UInt(handle)}
        self.say(Flow(next_incoming_id=UInt(1), next_outgoing_id=UInt(0), **windows, **numbers))

    def send(self, handle: int, payload: bytes, message_format: int = 0) -> None:
        self._sent += 1
        self.echo["delivery-id"] = UInt(self._sent)
        numbers = {"handle": UInt(handle), "delivery_id": UInt(self._sent), "message_format": UInt(message_format)}
        self.say(Transfer(settled=False, more=False, delivery_tag=b"\x01", **numbers), payload)

    def ask(self, handle: int, properties: dict[str, Any], body: object = None) -> None:
        number = uuid4()
        self.echo["message-id, same type"] = UUID(bytes=number.bytes)
        parts = section(0x73, [number]) + section(0x74, properties)
        self.send(handle, parts + (section(0x77, body) if body else b""))

    def put(self, audience: str, token: str) -> None:
        kind = "servicebus.windows.net:sastoken" if token.startswith("Shared") else "jwt"
        self.attach_pair("$cbs")
        self.flow(0, 300)
        self.ask(1, {"name": audience, "operation": "put-token", "type": kind}, token)

    async def allow(self, kind: str = SAS) -> None:
        """Puts a good token, and forgets the answers."""
        self.echo["kind of token"] = kind
        self.put(f"{HOST}/readings", signature(f"{HOST}/readings") if kind == SAS else identity_token())
        await self.heard()

    def attach_sender(self, address: str = HUB) -> None:
        properties = {Symbol("com.microsoft:timeout"): UInt(60)}
        self.attach(
            "here", address, reading=False, rcv_settle_mode=UByte(1), max_message_size=SIZE, properties=properties
        )

    def attach_receiver(self, selector: str, epoch: int | None = None, *, metrics: bool = False) -> None:
        name = Symbol("apache.org:selector-filter:string")
        properties: dict[Symbol, Any] = {Symbol("com.microsoft:timeout"): UInt(0)}
        if epoch is not None:
            properties[Symbol("com.microsoft:epoch")] = Long(epoch)
        self.echo["selector text, byte for byte"] = selector
        wanted = "com.microsoft:enable-receiver-runtime-metric" if metrics else "com.microsoft:georeplication"
        self.attach(
            EVENTS, "here", reading=True, max_message_size=SIZE, filters={name: Described(name, selector)},
            properties=properties, desired_capabilities=Symbol(wanted),
        )  # fmt: skip

    def store(self, *messages: bytes, partition: int = 0) -> None:
        broker = self.wire.service.broker
        broker.publish(broker.hub("readings"), partition, [read_message(message) for message in messages])


def identity_token() -> str:
    return jwt.signed({"aud": f"{RESOURCE}/", "oid": PRINCIPAL, "exp": 2**32}, IDENTITY)


def event(size: int, key: str | None = None) -> bytes:
    head = section(0x72, {Symbol("x-opt-partition-key"): key}) if key else b""
    return head + section(0x75, b"x" * size)


def compare(name: str, heard: list[tuple[Performative, bytes]], echo: Echo, names: list[str] | None = None) -> None:
    """The record's answers of this operation, in turn, against what was heard."""
    answers = RECORDED[name]["answers"]
    assert [type(frame).__name__.lower() for frame, _ in heard] == [each["frame"].replace("-", "") for each in answers]
    found = []
    for number, (answer, (frame, payload)) in enumerate(zip(answers, heard, strict=True)):
        known = {**echo, "name": names[number]} if names and number < len(names) else echo
        found += [f"{answer['frame']} {each}" for each in differences(answer["fields"], frame, payload, known)]
    assert found == []


type Scenario = Callable[[], Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {}


def showing(*names: str) -> Callable[[Scenario], Scenario]:
    def register(scenario: Scenario) -> Scenario:
        SCENARIOS.update(dict.fromkeys(names, scenario))
        return scenario

    return register


@showing("sasl", "open", "begin")
async def opening() -> None:
    async with Client() as client:
        found = await client.wire.frames()
        heard = [unpack(frame.body) for frame in found]
        compare("sasl", heard[:2], client.echo)
        compare("open", heard[2:3], client.echo)
        compare("begin", heard[3:], client.echo | {"channel": found[3].channel})
        assert len(found[2].body) + 8 in (70, 71)


@showing("attach $cbs", "attach $management")
async def attaching_requests() -> None:
    async with Client() as client:
        await client.heard()
        for node in ("$cbs", "$management"):
            client.attach_pair(node)
            compare(f"attach {node}", await client.heard(), client.echo, client.echo["names"])


@showing(*(name for name in RECORDED if name.startswith("put-token")))
async def putting_tokens() -> None:
    ours, theirs = f"{HOST}/readings", "sb://fake.example.com/readings"
    for name, audience, token in [
        ("put-token accepted", ours, signature(ours)),
        ("put-token accepted", ours, identity_token()),
        ("put-token, wrong key", ours, signature(ours, key="d3Jvbmc=")),
        ("put-token, unknown policy", ours, signature(ours, name="unknown")),
        ("put-token, no such hub", f"{HOST}/fakehub", identity_token()),
        ("put-token, no such namespace", theirs, identity_token()),
        ("put-token, no such namespace", theirs, signature(theirs)),
    ]:
        async with Client() as client:
            client.put(audience, token)
            heard = [each for each in await client.heard() if type(each[0]).__name__ in ("Disposition", "Transfer")]
            compare(name, heard, client.echo)


@showing("replies never settled")
async def leaving_replies() -> None:
    assert Times().reply == RECORDED["replies never settled"]["after_seconds"]
    async with Client(Times(reply=0.01)) as client:
        await client.allow()
        await asyncio.sleep(0.05)
        compare("replies never settled", await client.heard(), client.echo)


@showing("read hub", "read partition, empty")
async def reading_properties() -> None:
    for name, more in [("read hub", {"type": "com.microsoft:eventhub"}), ("read partition, empty", {"partition": "0"})]:
        async with Client() as client:
            await client.allow()
            client.attach_pair("$management")
            client.flow(2, 300)
            await client.heard()
            asked = {"operation": "READ", "type": "com.microsoft:partition", "name": "readings"} | more
            client.ask(3, asked | {"security_token": signature(f"{HOST}/readings")})
            compare(name, await client.heard(), client.echo)


@showing("attach sender, hub", "attach sender, partition", "attach receiver", "attach receiver, bare")
async def attaching_links() -> None:
    for kind in (SAS, JWT):
        for name, attach in [
            ("attach sender, hub", lambda client: client.attach_sender()),
            ("attach sender, partition", lambda client: client.attach_sender(PARTITION)),
            ("attach receiver", lambda client: client.attach_receiver("amqp.annotation.x-opt-offset > '-1'")),
            ("attach receiver", lambda client: client.attach_receiver("amqp.annotation.x-opt-offset > '@latest'", 0)),
            (
                "attach receiver, bare",
                lambda client: client.attach(
                    EVENTS, "here", reading=True, rcv_settle_mode=UByte(1), max_message_size=SIZE
                ),
            ),
        ]:
            async with Client() as client:
                await client.allow(kind)
                attach(client)
                compare(name, await client.heard(), client.echo)


@showing("send accepted", "sender credit again")
async def sending() -> None:
    async with Client() as client:
        await client.allow()
        client.attach_sender()
        await client.heard()
        client.send(2, event(14))
        compare("send accepted", await client.heard(), client.echo)
        client.send(2, section(0x75, event(1)) + section(0x75, event(1)), BATCH_FORMAT)
        (frame,) = await client.wire.frames()
        compare("send accepted", [unpack(frame.body)], client.echo)
        assert bytes.fromhex("00 53 24 45") in frame.body
        for _ in range(98):
            client.send(2, event(14))
        heard = await client.heard()
        compare("sender credit again", heard[-1:], client.echo)
        assert {type(frame).__name__ for frame, _ in heard[:-1]} == {"Disposition"}


@showing("deliver event")
async def delivering() -> None:
    examples = [each["payload_hex"] for each in RECORDED["deliver event"]["examples"]]
    key = section(0x72, {Symbol("x-opt-partition-key"): "test_partition_a"})
    cases = [
        (section(0x70, [True]) + section(0x75, b"Event Number 0"), False, 0),
        (key + section(0x75, b"0"), False, 1),
        (section(0x75, b"Inclusive"), True, 0),
    ]
    for (sent, metrics, own), example in zip(cases, map(bytes.fromhex, examples), strict=True):
        async with Client() as client:
            await client.allow()
            client.store(sent)
            if metrics:
                client.store(section(0x75, b"Exclusive"))
            client.attach_receiver("amqp.annotation.x-opt-offset > '-1'", metrics=metrics)
            await client.heard()
            client.flow(2, 1)
            ((transfer, payload),) = await client.heard()
            assert isinstance(transfer, Transfer)
            assert transfer.delivery_id == 1
            compare("deliver event", [(transfer, payload)], client.echo | {"as sent": own})
            assert without_times(payload) == without_times(example)


def without_times(payload: bytes) -> bytes:
    return re.sub(rb"\x83\x00\x00\x01.{5}", b"a time", payload, flags=re.DOTALL)


@showing("deliver large event")
async def delivering_much() -> None:
    async with Client() as client:
        await client.allow()
        client.store(section(0x75, bytes(256_000)))
        client.attach_receiver("amqp.annotation.x-opt-offset > '-1'")
        await client.heard()
        client.flow(2, 1)
        found = await client.wire.frames()
        answers = RECORDED["deliver large event"]["answers"]
        for answer, frame in zip(answers, [found[0], found[1], found[3]], strict=True):
            performative, payload = unpack(frame.body)
            assert differences(answer["fields"], performative, payload, client.echo) == []
            assert len(frame.body) + 8 == answer["size"]


@showing("event with an empty body", "offsets")
async def spacing_offsets() -> None:
    header, pair = section(0x70, [None] * 5), section(0x74, {"key": "14 letters now"})
    series: list[list[bytes]] = [
        [event(14)] * 5,
        [header + event(1, "k" * 16)] * 4,
        [event(9)] * 2,
        [event(0)] * 2,
        [event(4)] * 5,
        [header + event(1, "k" * 36)] * 2 + [event(1), event(1), event(1), event(2)],
        [pair + event(9)] * 2,
    ]
    assert len(pair) == 27
    recorded = [each["offsets"] for each in RECORDED["offsets"]["facts"]["series"] if "annotated" not in each["event"]]
    for events, offsets in zip(series, recorded, strict=True):
        async with Client() as client:
            client.store(*events)
            log = client.wire.service.broker.hub("readings").partitions[0].log
            assert [str(log.offset(number)) for number in range(len(log))] == offsets
    empty = RECORDED["event with an empty body"]["facts"]
    async with Client() as client:
        await client.allow()
        client.attach_sender(PARTITION)
        client.send(2, section(0x75, event(0)) * 2, BATCH_FORMAT)
        assert log_of(client).read(0, 2, 99)[0].hex().endswith(empty["body_hex"])


def log_of(client: Client) -> Any:
    return client.wire.service.broker.hub("readings").partitions[0].log


async def events_from(client: Client, position: str) -> list[Mapping[str, Any]]:
    """The annotations of the events that a new receiver gets."""
    client.attach_receiver(position)
    client.flow(client._handle, 9)
    return [annotations(payload) for frame, payload in await client.heard() if isinstance(frame, Transfer)]


@showing("position by offset", "position by number", "position by time", "position at the end")
async def starting() -> None:
    async with Client() as client:
        await client.allow()
        client.store(event(9), event(9))
        for field_name, operation in (("offset", "offset"), ("sequence-number", "number")):
            for position, fact in RECORDED[f"position by {operation}"]["facts"].items():
                found = await events_from(client, f"amqp.annotation.x-opt-{field_name} {position}")
                assert (len(found), found[0][f"x-opt-{field_name}"]) == (
                    fact["events"],
                    fact[f"first_event_{operation}"],
                )
        client.attach_receiver("amqp.annotation.x-opt-offset > '@latest'")
        client.flow(client._handle, 9)
        assert [type(frame) for frame, _ in await client.heard()] == [Attach]
        client.store(event(1))
        assert [type(frame) for frame, _ in await client.heard()].count(Transfer) == 5

    fact = RECORDED["position by time"]["facts"]
    async with Client() as client:
        await client.allow()
        client.store(event(9))
        stored = log_of(client).last_time
        await asyncio.sleep(0.01)  # its clock has milliseconds
        client.store(event(9))
        found = await events_from(client, f"amqp.annotation.x-opt-enqueued-time > '{stored}'")
        assert (len(found), found[0]["x-opt-offset"]) == (fact["events"], fact["first_event_offset"])


@showing("partition key", "key and partition", "without key")
async def routing() -> None:
    async with Client() as client:
        hub = client.wire.service.broker.hub("readings")
        keys = RECORDED["partition key"]["facts"]["partition_of"]
        assert {key: hub.route(read_transfer(0, event(1, key))[0].key) for key in keys} == keys
        turns = [hub.route(None) for _ in range(5)]
        assert [abs(turn - turns[0]) for turn in turns] == RECORDED["without key"]["facts"]["partitions"]
        await client.allow()
        client.attach_sender(PARTITION)
        client.send(2, event(1, "0"))
        assert hub.route("0") == 1
        assert b"x-opt-partition-key" in log_of(client).read(0, 1, 99)[0]


@showing("link stolen")
async def stealing() -> None:
    async with Client(Times(stolen=0.02)) as client:
        await client.allow()
        client.attach_receiver("amqp.annotation.x-opt-offset > '-1'")
        client.attach_receiver("amqp.annotation.x-opt-offset > '-1'", 1)
        client.flow(2, 9)
        client.flow(3, 9)
        client.store(event(1))
        heard = [type(frame) for frame, _ in await client.heard()]
        assert heard == [Attach, Attach, Transfer, Transfer]  # for a while there are two
        await asyncio.sleep(0.05)
        compare("link stolen", await client.heard(), client.echo)


@showing("peer detaches, ends, closes", "peer closes with an error")
async def leaving() -> None:
    async with Client() as client:
        client.attach("$cbs", "$cbs", reading=True)
        await client.heard()
        for said in (Detach(handle=UInt(0), closed=True), End(), Detach(handle=UInt(0), closed=True), Close()):
            client.say(said)
        compare("peer detaches, ends, closes", await client.heard(), client.echo)
    async with Client() as client:
        await client.heard()
        client.say(Close(error=Described(ULong(0x1D), [Symbol("amqp:connection:forced"), "", None])))
        compare("peer closes with an error", await client.heard(), client.echo)


@showing("heartbeat to the peer")
async def beating() -> None:
    async with Client() as silent, Client(opened={"idle_time_out": UInt(20)}) as told:
        await told.wire.transport.until(lambda: told.wire.transport.written.count(frames.EMPTY) > 1)
        assert not silent.wire.transport.written.count(frames.EMPTY)


@showing("echo")
async def asking_for_state() -> None:
    assert Times().echo == RECORDED["echo"]["after_seconds"]
    async with Client(Times(echo=0.02)) as client:
        await client.allow()
        await asyncio.sleep(0.03)
        compare("echo", await client.heard(), client.echo)


@showing("idle")
async def falling_silent() -> None:
    answers = {each["frame"]: each["fields"] for each in RECORDED["idle"]["answers"]}
    assert Times().idle == RECORDED["idle"]["after_seconds"]
    async with Client() as client:
        await client.allow()
        client.attach_sender(PARTITION)
        await client.heard()
        client.wire.connection.heard_last -= Times().idle
        client.wire.connection.watch_silence()
        heard = await client.heard()
        assert [type(frame) for frame, _ in heard] == [Detach, Detach, Detach, End, Close]
        assert [frame.handle for frame, _ in heard[:3] if isinstance(frame, Detach)] == [0, 1, 2]
        for frame, _ in heard:
            assert differences(answers[type(frame).__name__.lower()], frame, b"", {}) == []


@pytest.mark.parametrize("scenario", dict.fromkeys(SCENARIOS.values()), ids=lambda scenario: scenario.__name__)
def test_the_peer_answers_as_the_service_was_recorded(scenario: Scenario) -> None:
    asyncio.run(scenario())  # type: ignore[arg-type]


def test_every_operation_of_the_record_is_compared() -> None:
    assert sorted(SCENARIOS) == sorted(RECORDED)


def test_what_is_not_claimed_is_of_operations_that_are_recorded() -> None:
    assert {name.partition(":")[0] for name in NOT_CLAIMED} <= set(RECORDED)
