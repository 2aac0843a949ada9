"""A series' model: its threshold keeps the promised rate, and rows that cannot give one are named with the reason."""

from dataclasses import replace

import numpy as np
import pytest

from shared.anomaly_detection.features import Per, features
from shared.anomaly_detection.fitting import Parameters, Problem, fit_series, wanders
from shared.anomaly_detection.one_class_svm import SeriesModel
from shared.anomaly_detection.rows import SeriesRows
from shared.errors import InvalidInput

DEFAULTS = Parameters()


def rows(values: np.ndarray, *sensors: str) -> SeriesRows:
    values = np.asarray(values, np.float64)
    return SeriesRows("pump", sensors or ("flow",), values if values.ndim == 2 else values[:, None])


def noise(count: int, sensors: int = 1, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(20, 2, (count, sensors))


def decisions(model: SeriesModel, values: np.ndarray) -> np.ndarray:
    seen = features(values, np.array([0, len(values)]), model.wandering[None, :], DEFAULTS.mean_rows)
    standardised = (seen - model.mean) / model.scale
    squares = ((standardised[:, None, :] - model.vectors) ** 2).sum(axis=2)
    return np.exp(-model.gamma * squares) @ model.weights - model.rho


def fitted(data: SeriesRows, parameters: Parameters = DEFAULTS) -> SeriesModel:
    model = fit_series(data, parameters)
    assert isinstance(model, SeriesModel), model
    return model


def reason(values: np.ndarray) -> str:
    problem = fit_series(rows(values), DEFAULTS)
    assert isinstance(problem, Problem)
    assert (problem.device, problem.sensors) == ("pump", ("flow",))
    return problem.reason


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.1])
def test_new_normal_rows_are_flagged_at_the_chosen_rate_on_average(rate):
    flagged = []
    for seed in range(8):
        values = noise(6000, seed=seed)
        model = fitted(rows(values[:1000]), replace(DEFAULTS, false_alarm_rate=rate))
        flagged.append((decisions(model, values)[1000:] < model.threshold).mean())
    assert 0.5 * rate < np.mean(flagged) < 1.5 * rate


def test_a_model_is_scikit_learns_of_the_same_rows():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import OneClassSVM

    values = noise(400)
    model = fitted(rows(values))
    seen = features(values, np.array([0, 400]), np.array([[False]]), DEFAULTS.mean_rows)
    sklearn_model = make_pipeline(StandardScaler(), OneClassSVM(nu=0.05, gamma=0.1, tol=1e-6)).fit(seen[3:])
    np.testing.assert_allclose(decisions(model, values), sklearn_model.decision_function(seen), atol=1e-9)


def test_a_spike_a_lasting_shift_and_a_far_value_are_flagged():
    model = fitted(rows(noise(400)))
    spike, shift = noise(50, seed=3), noise(50, seed=3)
    spike[20] += 10
    shift[20:] += 6
    assert decisions(model, spike)[20] < model.threshold
    assert (decisions(model, shift)[24:] < model.threshold).mean() > 0.9
    assert decisions(model, spike * 1e6).max() < model.threshold


def test_a_wandering_sensor_may_go_where_it_never_was_but_not_jump():
    drift = noise(600) + np.linspace(0, 100, 600)[:, None]
    model = fitted(rows(drift[:400]))
    assert model.wandering.tolist() == [True]
    jump = drift.copy()
    jump[500:] += 20
    assert (decisions(model, drift)[400:] < model.threshold).mean() < 0.05
    assert decisions(model, jump)[500] < model.threshold


def test_steady_noise_does_not_count_as_wandering_even_with_few_rows():
    parts = [wanders(noise(50, seed=seed), DEFAULTS)[0] for seed in range(200)]
    assert sum(parts) < 10


def test_a_device_model_joins_its_sensors():
    both = noise(400, sensors=2)
    model = fitted(rows(both, "flow", "heat"), Parameters(Per.DEVICE))
    assert model.mean.shape == (4,)
    assert model.vectors.shape == (len(model.weights), 4)
    assert model.gamma == pytest.approx(0.2 / 4)


def test_a_silent_sensor_of_a_device_does_not_keep_it_from_a_model():
    both = np.hstack([noise(400), np.full((400, 1), 7.0)])
    model = fitted(rows(both, "flow", "switch"), Parameters(Per.DEVICE))
    both[399, 1] = 30
    assert decisions(model, both)[399] < model.threshold


def test_more_rows_do_not_cost_more_support_vectors_than_promised():
    model = fitted(rows(noise(5000)))
    assert len(model.weights) < 2 * DEFAULTS.nu * DEFAULTS.fit_rows


def test_the_same_rows_give_the_same_bits():
    first, second = fitted(rows(noise(300))), fitted(rows(noise(300)))
    assert first.vectors.tobytes() == second.vectors.tobytes()
    assert (first.rho, first.threshold) == (second.rho, second.threshold)


def test_too_few_rows_are_a_reason():
    assert reason(noise(49)) == "49 rows; at least 50 are needed"
    assert reason(np.empty((0, 1))) == "0 rows; at least 50 are needed"


@pytest.mark.parametrize("values", [np.full(100, 21.5), np.arange(100.0), 1e5 + 0.1 * np.arange(400)])
def test_rows_that_never_change_or_change_alike_are_a_reason(values):
    assert reason(values).startswith("constant")


def test_values_too_large_to_square_are_a_reason():
    assert reason(noise(100) * 1e200) == "values too large to square"


@pytest.mark.parametrize("at", [0, 3, 150, 200, 399])
def test_a_wild_row_in_the_training_span_does_not_blind_the_model(at):
    values = noise(400)
    values[at] = 1e9
    model = fitted(rows(values))
    later = noise(400, seed=2)
    later[100] += 12
    flagged = decisions(model, later) < model.threshold
    assert flagged[100]
    assert flagged.mean() < 0.03


def test_many_wild_rows_are_a_reason():
    values = noise(400)
    values[::20] *= np.geomspace(100, 1e9, 20)[:, None]
    assert "rows lie far from all others" in reason(values)


def test_every_model_can_flag_a_row_that_is_far_enough():
    heavy = np.random.default_rng(1).standard_t(2, size=(20, 200, 1))
    models = [fit_series(rows(values), DEFAULTS) for values in heavy]
    assert all(model.threshold > -model.rho for model in models if isinstance(model, SeriesModel))


@pytest.mark.parametrize("wrong", [{"false_alarm_rate": 0.0}, {"nu": 1.5}, {"gamma": -1.0}, {"tol": float("nan")}])
def test_parameters_outside_their_range_are_refused(wrong):
    with pytest.raises(InvalidInput, match="must be above"):
        Parameters(**wrong)
