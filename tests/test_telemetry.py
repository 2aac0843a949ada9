"""What comes from outside forges no line of a log, whether it is logged or told by an error."""

import logging

import pytest

from shared.errors import InvalidInput, one_line
from shared.telemetry import log

FORGED = "a\nrun succeeded run=x\r\x1b[31m\u2028b\x85\u202e\ud800"


def test_a_fact_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        log("upload passed over", video=FORGED, count=3)
    assert caplog.messages == [f"upload passed over video={one_line(FORGED)} count=3"]
    assert caplog.messages[0].isprintable()


def test_the_message_of_an_error_is_one_line() -> None:
    assert str(InvalidInput(f"There is no {FORGED}.", "Look.")) == (
        r"There is no a\nrun succeeded run=x\r\x1b[31m\u2028b\x85\u202e\ud800. Look."
    )


@pytest.mark.parametrize("text", ["", "plain", "größer als 5 °C", "日本", "'[/nope]'", "\\n"])
def test_what_can_be_printed_stays(text: str) -> None:
    assert one_line(text) == text
