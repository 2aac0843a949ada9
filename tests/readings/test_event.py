"""An event is a reading, or it has a reason why not."""

import json

import pytest

from shared.readings.event import Reason, Refused, parse_event, series_of

GOOD = {"TS": "2018-04-06T20:59:55.7096564Z", "Device": 2, "Tag": 4, "Value": 84.92}


def changed(**fields: object) -> bytes:
    return json.dumps({k: v for k, v in (GOOD | fields).items() if v is not ...}).encode()


def refusal(body: bytes) -> Reason | None:
    try:
        parse_event(body)
    except Refused as refused:
        return refused.reason
    return None


def test_the_reference_event_is_read() -> None:
    assert parse_event(changed()) == (1523048395709656, ("2", "4"), 84.92)


@pytest.mark.parametrize(
    "body",
    [
        b'{"ts":"2018-04-06 20:59:55.7096564","device":"2","sensor":"4","value":"84.92"}',
        b'{"TIMESTAMP":"2018-04-06T22:59:55.709656+02:00","DEVICE":2.0,"SENSOR":4,"VALUE":8.492e1,"unit":"C"}',
        b' {"Ts":"2018-04-06T20:59:55.709656Z",\n"Device":2,"Tag":4,"Value":84.92}\r\n',
        b'{"TS":"2018-04-06T20:59:55.709656Z","timestamp":"x","Device":2,"Sensor":4,"Tag":9,"Value":84.92}',
    ],
)
def test_names_of_any_case_and_ids_of_any_kind_mean_the_same(body: bytes) -> None:
    assert parse_event(body) == parse_event(changed())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.MALFORMED),
        (b'{"TS":', Reason.MALFORMED),
        (b"\xff\xfe", Reason.MALFORMED),
        (changed().decode().encode("utf-16"), Reason.MALFORMED),
        (changed(Device="\ud800"), Reason.MALFORMED),
        (changed() + changed(), Reason.MALFORMED),
        (b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}", Reason.MALFORMED),
        (b"[]", Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b"NaN", Reason.NOT_AN_OBJECT),
        (changed(Value=float("nan")), Reason.NOT_FINITE),
        (changed(Value=float("-inf")), Reason.NOT_FINITE),
        (changed(Value="NaN"), Reason.NOT_FINITE),
        (changed(Value=1e200), Reason.NOT_FINITE),
        (changed().replace(b"84.92", b"1e400"), Reason.NOT_FINITE),
        (changed(Value=...), Reason.MISSING_FIELD),
        (changed(Value=None), Reason.MISSING_FIELD),
        (changed(Device=...), Reason.MISSING_FIELD),
        (changed(TS=None), Reason.MISSING_FIELD),
        (changed(value=1), Reason.AMBIGUOUS_FIELD),
        (changed(Value=True), Reason.BAD_VALUE),
        (changed(Value=[1]), Reason.BAD_VALUE),
        (changed(Value="1,5"), Reason.BAD_VALUE),
        (changed(Value=""), Reason.BAD_VALUE),
        (changed(TS=1523048395), Reason.BAD_TIMESTAMP),
        (changed(TS="yesterday"), Reason.BAD_TIMESTAMP),
        (changed(Device=""), Reason.BAD_ID),
        (changed(Device=" "), Reason.BAD_ID),
        (changed(Device=2.5), Reason.BAD_ID),
        (changed(Device=True), Reason.BAD_ID),
        (changed(Tag={}), Reason.BAD_ID),
        (changed(Tag="a\nb"), Reason.BAD_ID),
        (changed(Tag="x" * 129), Reason.BAD_ID),
        (changed(note="x" * 65_536), Reason.TOO_LARGE),
    ],
)
def test_what_is_not_a_reading_has_its_reason(body: bytes, reason: Reason) -> None:
    assert refusal(body) == reason


def test_an_id_is_the_same_as_number_and_as_text() -> None:
    assert series_of(2, 4.0) == series_of("2", "4") == ("2", "4")


def test_a_long_id_in_any_script_is_kept() -> None:
    assert series_of("насос", "温" * 128) == ("насос", "温" * 128)
