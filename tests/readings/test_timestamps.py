"""Times are read as devices write them, many at once exactly as one by one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.readings.timestamps import from_micros, parse_time, parse_times, to_micros

moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31, 23, 59, 59))  # noqa: DTZ001 - naive is the point
written = st.one_of(
    st.builds(lambda m, sep: m.isoformat(sep), moments, st.sampled_from("T ")),
    st.builds(lambda m, f: f"{m:%Y-%m-%dT%H:%M:%S}.{f}Z", moments, st.text("0123456789", max_size=11)),
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,10})?Z?", fullmatch=True
    ),
    st.text(max_size=32),
)


@given(st.lists(written, max_size=30))
def test_many_at_once_agree_with_one_by_one(texts: list[str]) -> None:
    times, understood = parse_times(texts)
    for text, time, ok in zip(texts, times.tolist(), understood.tolist(), strict=True):
        if ok:
            assert time == parse_time(text)


@given(moments)
def test_the_common_layout_is_read_at_once(moment: datetime) -> None:
    texts = [moment.isoformat(), moment.isoformat(" ") + "Z"]
    times, understood = parse_times(texts)
    assert understood.all()
    assert [from_micros(time) for time in times] == [moment.replace(tzinfo=UTC)] * 2


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2018-04-06T20:59:55.7096564Z", "2018-04-06T20:59:55.709656+00:00"),
        ("2018-08-28 23:00:05.000", "2018-08-28T23:00:05+00:00"),
        ("2013-07-04 00:00", "2013-07-04T00:00:00+00:00"),
        ("2018-04-06T22:59:55+02:00", "2018-04-06T20:59:55+00:00"),
        ("2018-04-06T16:29:55-0430", "2018-04-06T20:59:55+00:00"),
        ("2018-04-06t20:59:55,5z", "2018-04-06T20:59:55.500000+00:00"),
    ],
)
def test_a_time_is_read_as_it_is_written(text: str, iso: str) -> None:
    time = parse_time(text)
    assert time is not None
    assert from_micros(time) == datetime.fromisoformat(iso)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2018-02-29T00:00:00Z",
        "2018-04-06T24:00:00Z",
        "2018-04-06",
        "0001-01-01T00:00:00",
        "٢٠١٨-04-06T00:00",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_time(text) is None


def test_a_moment_without_a_zone_is_utc() -> None:
    assert to_micros(datetime(1970, 1, 1, 0, 0, 1)) == 1_000_000  # noqa: DTZ001
