"""A model per device: every device has its own sensors, and its scores are those of plain arithmetic."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring_images.anomaly.job import Job
from shared.anomaly_detection.features import Per
from shared.anomaly_detection.fitting import Parameters, fit_series
from shared.anomaly_detection.one_class_svm import SeriesModel
from shared.anomaly_detection.rows import SeriesRows, rows_of
from shared.readings.dataset import read_windows
from tests.scoring_images.plant import END, START, WINDOW, Plant

SENSORS = {"a": "x", "b": "xy", "c": "xy", "d": "wxyz", "e": "y", "f": "xyz"}


def scores(model: SeriesModel, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What every row scores, written down as docs/models.md says it."""
    means = np.array([values[max(0, row - 3) : row + 1].mean(axis=0) for row in range(len(values))])
    level, mean = np.where(model.wandering, values - means, values), np.where(model.wandering, 0.0, means)
    z = (np.hstack([level, mean]) - model.mean) / model.scale
    squares = ((z[:, None, :] - model.vectors[None, :, :]) ** 2).sum(axis=2)
    decisions: NDArray[np.float64] = np.exp(-model.gamma * squares) @ model.weights - model.rho
    return decisions - model.threshold


def devices(plant: Plant) -> list[SeriesRows]:
    """Send what the devices measure: steady sensors, and wandering ones where the numbers come out odd."""
    rng = np.random.default_rng(5)
    for device, sensors in SENSORS.items():
        for place, sensor in enumerate(sensors):
            steps = rng.normal(size=120)
            wanders = (len(sensors) + place) % 2
            plant.send(device, sensor, (np.cumsum(steps) if wanders else 20 + 3 * steps).tolist())
    return rows_of(read_windows(plant.containers.windows, START, END), Per.DEVICE)


@pytest.mark.parametrize("bounds", [(0, 6), (0, 1, 2, 5, 6)])
def test_devices_of_any_number_of_sensors_score_as_by_themselves(plant: Plant, bounds: tuple[int, ...]) -> None:
    rows = devices(plant)
    fits = [fit_series(each, Parameters(per=Per.DEVICE)) for each in rows]
    models = [fit for fit in fits if isinstance(fit, SeriesModel)]
    assert [(model.device, "".join(model.sensors)) for model in models] == list(SENSORS.items())
    assert {bool(flag) for model in models for flag in model.wandering} == {True, False}
    plant.train(models, per="device")
    job = Job("run-1", plant.version, START, END, len(bounds) - 1)
    plant.score(job, *bounds)
    for part, (first, last) in enumerate(pairwise(bounds)):
        found = plant.predictions(job, part)
        wanted = [scores(model, each.values) for model, each in zip(models, rows, strict=True)][first:last]
        np.testing.assert_allclose(found["score"].to_numpy(), np.concatenate(wanted), rtol=0, atol=1e-9)
        assert found["device"].to_list() == [name for name in list(SENSORS)[first:last] for _ in range(120)]


@pytest.mark.parametrize("per", list(Per))
def test_the_first_rows_of_a_span_score_the_same_wherever_spans_are_cut(plant: Plant, per: Per) -> None:
    rows = devices(plant)
    if per is Per.SERIES:
        rows = rows_of(read_windows(plant.containers.windows, START, END), per)
    fits = [fit_series(each, Parameters(per=per)) for each in rows]
    models = [fit for fit in fits if isinstance(fit, SeriesModel)]
    plant.train(models, per=per.value)
    middle = START + 60 * WINDOW
    jobs = [Job(f"run-{n}", plant.version, *span, 1) for n, span in enumerate(((START, middle), (middle, END)))]
    whole = Job("run-whole", plant.version, START, END, 1)
    for job in (*jobs, whole):
        plant.score(job, 0, len(models))
    early, late = map(plant.predictions, jobs)
    together = early.vstack(late).sort("device", "sensor", "window_end")
    assert together.write_ipc(None).getvalue() == plant.predictions(whole).rechunk().write_ipc(None).getvalue()
