"""Signals like those of real machines, with anomalies whose labels are known, so that detection can be measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.readings.event import Series
from shared.readings.samples import Sample
from shared.readings.timestamps import SECOND

type Floats = NDArray[np.float64]

_DAY = 86_400.0
_CHUNK = 256  # steps made at once


class Kind(StrEnum):
    """How an injected anomaly looks, in units of the series' noise."""

    SPIKE = "spike"
    LEVEL_SHIFT = "level-shift"
    STUCK = "stuck"
    NOISE = "noise-burst"
    DRIFT = "drift"


# Steps that an anomaly of a kind lasts: at least, at most.
_LENGTHS = {
    Kind.SPIKE: (1, 3),
    Kind.LEVEL_SHIFT: (20, 120),
    Kind.STUCK: (30, 120),
    Kind.NOISE: (20, 90),
    Kind.DRIFT: (60, 180),
}


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An injected anomaly of series `series`, over steps [start, end); `size` is signed, in noise deviations."""

    series: int
    kind: Kind
    start: int
    end: int
    size: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices and their sensors, and how each signal is made; arrays have one entry per series.

    value = level + amplitude * sin(daily cycle) + regime of the device + slow drift + AR(1) noise
    """

    series: tuple[Series, ...]
    level: Floats
    amplitude: Floats
    phase: Floats
    sigma: Floats
    memory: Floats  # of the noise: its correlation from one step to the next
    slope: Floats  # of the drift, a day
    regime: Floats  # how far the level moves while the device runs under load
    period: Floats  # seconds between two starts of load, the same for a device's sensors
    seed: int

    @classmethod
    def of(cls, devices: int, sensors: int, seed: int) -> Self:
        """A fleet of that size; the same seed is the same fleet."""
        rng = np.random.default_rng(seed)
        n = devices * sensors
        level = rng.uniform(10.0, 100.0, n)
        sigma = level * rng.uniform(0.01, 0.04, n)
        return cls(
            tuple((f"machine-{d + 1:03}", f"sensor-{s + 1:02}") for d in range(devices) for s in range(sensors)),
            level,
            sigma * rng.uniform(1.0, 4.0, n),
            rng.uniform(0.0, 2 * np.pi, n),
            sigma,
            rng.uniform(0.2, 0.8, n),
            sigma * rng.normal(0.0, 0.3, n),
            sigma * rng.uniform(-3.0, 3.0, n) * (rng.random(n) < 0.6),
            np.repeat(rng.uniform(1200.0, 5400.0, devices), sensors),
            seed,
        )

    def plan(self, steps: int, share: float, clean: int = 0) -> list[Anomaly]:
        """Anomalies over about `share` of all steps after the first `clean` ones, of all kinds, none overlapping."""
        rng = np.random.default_rng([self.seed, 1])
        kinds, mean = list(Kind), float(np.mean([sum(_LENGTHS[kind]) / 2 for kind in Kind]))
        found: list[Anomaly] = []
        for series in range(len(self.series)):
            at = clean
            while share > 0:
                at += 1 + int(rng.exponential(mean * (1 / share - 1)))
                kind = kinds[rng.integers(len(kinds))]
                end = at + int(rng.integers(_LENGTHS[kind][0], _LENGTHS[kind][1] + 1))
                if end > steps:
                    break
                size = float(rng.choice([-1.0, 1.0]) * rng.uniform(6.0, 12.0))
                found.append(Anomaly(series, kind, at, end, size))
                at = end
        return sorted(found, key=lambda a: (a.start, a.series))

    def values(self, start: int, every: float, steps: int, anomalies: list[Anomaly]) -> Iterator[Floats]:
        """Values step by step: f64[series] each, the first at `start` (microseconds), then every `every` seconds."""
        rng = np.random.default_rng([self.seed, 2])
        noise, stuck = np.zeros(len(self.series)), np.full(len(self.series), np.nan)
        for begin in range(0, steps, _CHUNK):
            shocks = rng.standard_normal((_CHUNK, len(self.series)))
            near = [a for a in anomalies if a.start < begin + _CHUNK and a.end > begin]
            for step in range(begin, min(begin + _CHUNK, steps)):
                noise = self.memory * noise + np.sqrt(1 - self.memory**2) * shocks[step - begin]
                value = self._calm(start / SECOND + step * every, step * every) + self.sigma * noise
                _inject(
                    [a for a in near if a.start <= step < a.end], step, value, self.sigma, shocks[step - begin], stuck
                )
                yield value

    def _calm(self, clock: float, elapsed: float) -> Floats:
        """The signal without noise, `elapsed` seconds after the first step."""
        cycle = self.amplitude * np.sin(2 * np.pi * clock / _DAY + self.phase)
        loaded = np.tanh(8 * np.sin(2 * np.pi * clock / self.period))  # a machine takes a while to change its load
        calm: Floats = self.level + cycle + self.regime * (loaded + 1) / 2 + self.slope * elapsed / _DAY
        return calm

    def samples(self, start: int, every: float, steps: int, anomalies: list[Anomaly]) -> Iterator[list[Sample]]:
        """The same as samples, one list per step."""
        for step, values in enumerate(self.values(start, every, steps, anomalies)):
            time = start + round(step * every * SECOND)
            yield [
                Sample(time, device, sensor, value)
                for (device, sensor), value in zip(self.series, values.round(4).tolist(), strict=True)
            ]


def _inject(anomalies: list[Anomaly], step: int, value: Floats, sigma: Floats, shocks: Floats, stuck: Floats) -> None:
    for a in anomalies:
        push = a.size * sigma[a.series]
        match a.kind:
            case Kind.SPIKE | Kind.LEVEL_SHIFT:
                value[a.series] += push
            case Kind.NOISE:
                value[a.series] += push * shocks[a.series]
            case Kind.DRIFT:
                value[a.series] += push * (step - a.start + 1) / (a.end - a.start)
            case Kind.STUCK:
                stuck[a.series] = value[a.series] if step == a.start else stuck[a.series]
                value[a.series] = stuck[a.series]
