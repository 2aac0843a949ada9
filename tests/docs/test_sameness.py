"""What differs between machines and moments is the same; what a reader would miss is not."""

import pytest

from tests.docs.sameness import MORE, canonical, shortened


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Bundle 832e8192c0d64f8b is current: 20 models.", "Bundle 0f1e8192c0d64f8c is current: 20 models."),
        ("Importing ━━━━━━━━ 100% 0:00:00", "Importing ━━━╸━━━━ 100% 0:00:12"),
        ("file:///home/you/tally/out/anomalies.html", "file:///tmp/x/tally/out/anomalies.html"),
        ("anomaly-20260131T100000Z-3600s-832e8192c0d6", "anomaly-20260131T100000Z-3600s-111e8192c0d6"),
        ("running 2026-10-01 10:00:01", "running 2027-01-02 20:30:59"),
        ("host │ HTTP │ 127.0.0.1:7071 │", "host  │ HTTP │ 127.0.0.1:40123 │"),
    ],
)
def test_what_varies_is_the_same(said: str, shown: str) -> None:
    assert canonical([said]) == canonical([shown])


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Bundle 832e8192c0d64f8b is current: 20 models.", "Bundle 832e8192c0d64f8b is current: 19 models."),
        ("precision 0.923", "precision 0.922"),
        ("start 2026-01-31T10:00:00+00:00", "start 2026-01-31T11:00:00+00:00"),
        ("anomaly-20260131T100000Z-3600s", "anomaly-20260131T110000Z-3600s"),
        ("out/anomalies.html", "out/anomaly.html"),
    ],
)
def test_what_tells_something_is_not(said: str, shown: str) -> None:
    assert canonical([said]) != canonical([shown])


def test_an_ellipsis_stands_for_any_lines() -> None:
    shown = ["a", "b", "c", "d"]
    assert shortened(["a", MORE, "d"], shown) == ["a", MORE, "d"]
    assert shortened(["a", MORE, "c", MORE], shown) == ["a", MORE, "c", MORE]
    assert shortened(["b", MORE, "x"], shown) == shown
    assert shortened(["d", MORE, "a"], shown) == shown
    assert shortened(["a", "b"], shown) == shown
