"""The simulator: the same seed gives the same signals, and an anomaly is where its label says, nowhere else."""

from itertools import pairwise

import numpy as np
import pytest

from shared.readings.simulate import Anomaly, Fleet, Kind

STEPS = 1500


def signal(fleet: Fleet, anomalies: list[Anomaly]) -> np.ndarray:
    return np.array(list(fleet.values(0, 1.0, STEPS, anomalies)))


def test_the_same_seed_gives_the_same_signals() -> None:
    one, same, other = (signal(Fleet.of(2, 3, seed), []) for seed in (1, 1, 2))
    assert (one == same).all()
    assert not (one == other).any(axis=0).all()


@pytest.mark.parametrize("kind", list(Kind))
def test_an_anomaly_changes_its_series_where_its_label_says(kind: Kind) -> None:
    fleet = Fleet.of(1, 2, 3)
    changed = signal(fleet, [Anomaly(1, kind, 700, 760, 8.0)]) != signal(fleet, [])
    assert not changed[:, 0].any()
    assert not changed[:700].any()
    assert not changed[760:].any()
    assert changed[701:760, 1].all()


def test_a_plan_holds_every_kind_and_about_its_share() -> None:
    fleet = Fleet.of(10, 10, 4)
    planned = fleet.plan(STEPS, 0.1, clean=500)
    share = sum(a.end - a.start for a in planned) / (100 * (STEPS - 500))
    assert {a.kind for a in planned} == set(Kind)
    assert 0.07 < share < 0.13
    assert min(a.start for a in planned) >= 500
    assert max(a.end for a in planned) <= STEPS


def test_anomalies_of_a_series_do_not_overlap() -> None:
    planned = Fleet.of(1, 1, 5).plan(100_000, 0.3)
    assert all(before.end < after.start for before, after in pairwise(planned))


def test_no_anomalies_can_be_asked_for() -> None:
    assert Fleet.of(1, 1, 5).plan(STEPS, 0.0) == []


def test_every_step_has_one_sample_of_every_series() -> None:
    ticks = list(Fleet.of(2, 2, 6).samples(1_000_000, 0.5, 3, []))
    assert [{sample.time for sample in tick} for tick in ticks] == [{1_000_000}, {1_500_000}, {2_000_000}]
    assert ticks[0][0][1:3] == ("machine-001", "sensor-01")
    assert {len(tick) for tick in ticks} == {4}
