"""The compiled kernel: scikit-learn's decision values, whatever the sizes, and the same bits however rows are cut."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.anomaly_detection import compiled, kernel
from shared.anomaly_detection.kernel import decision_values
from shared.anomaly_detection.one_class_svm import PackedModels, SeriesModel, pack, starts
from shared.errors import InvalidInput
from tests.anomaly_detection.packs import fitted, made_up


def formula(model: SeriesModel, x: np.ndarray) -> np.ndarray:
    z = (x[:, : len(model.mean)] - model.mean) / model.scale
    distances = ((z[:, None, :] - model.vectors[None]) ** 2).sum(axis=2)
    values: np.ndarray = np.exp(-model.gamma * distances) @ model.weights - model.rho
    return values


def rows_for(packed: PackedModels, counts: list[int], columns: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    parts = []
    for index, count in enumerate(counts):
        x = rng.normal(0, 10, (count, columns))
        x[:, : len(packed[index].mean)] = packed[index].mean + packed[index].scale * rng.normal(
            0, 2, (count, len(packed[index].mean))
        )
        parts.append(x)
    return np.concatenate(parts)


@given(
    st.lists(st.tuples(st.integers(0, 140), st.integers(1, 5), st.integers(1, 30)), min_size=1, max_size=5),
    st.integers(0, 1000),
)
def test_values_follow_the_formula_for_any_numbers_of_rows_features_and_vectors(
    sizes: list[tuple[int, int, int]], seed: int
) -> None:
    packed = pack([made_up(dims=dims, count=count, seed=seed + n) for n, (_, dims, count) in enumerate(sizes)])
    counts = [rows for rows, _, _ in sizes]
    x = rows_for(packed, counts, columns=5, seed=seed)
    offsets = starts(np.array(counts))
    values = decision_values(packed, x, offsets)
    for index in range(len(packed)):
        part = slice(offsets[index], offsets[index + 1])
        np.testing.assert_allclose(values[part], formula(packed[index], x[part]), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("dims", "gamma", "nu"), [(1, 0.01, 0.1), (2, 0.1, 0.05), (16, 0.0125, 0.05), (2, 1.0, 0.3)])
def test_values_and_labels_are_those_of_scikit_learn(dims: int, gamma: float, nu: float) -> None:
    estimators = [fitted(400, dims, nu, gamma, seed) for seed in range(5)]
    packed = pack([model for model, _, _ in estimators])
    x = rows_for(packed, [3000] * 5, dims)
    values = decision_values(packed, x, np.arange(6) * 3000)
    expected = np.concatenate(
        [svm.decision_function(scaler.transform(x[n * 3000 :][:3000])) for n, (_, scaler, svm) in enumerate(estimators)]
    )
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)
    apart = np.abs(expected) > 1e-12
    np.testing.assert_array_equal((values < 0)[apart], (expected < 0)[apart])


@given(st.lists(st.integers(0, 200), max_size=4), st.integers(1, 4))
def test_a_row_has_the_same_bits_however_rows_are_cut(cuts: list[int], dims: int) -> None:
    packed = pack([made_up(dims=dims, count=9)])
    x = rows_for(packed, [200], dims)
    whole = decision_values(packed, x, np.array([0, 200]))
    bounds = [0, *sorted(cuts), 200]
    parts = [decision_values(packed, x[first:last], np.array([0, last - first])) for first, last in pairwise(bounds)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_a_slice_of_the_models_gives_the_same_bits() -> None:
    packed = pack([made_up(dims=2, count=n + 1, seed=n) for n in range(6)])
    x = rows_for(packed, [7] * 6, 2)
    whole = decision_values(packed, x, np.arange(7) * 7)
    part = decision_values(packed[2:5], x[14:35], np.arange(4) * 7)
    assert part.tobytes() == whole[14:35].tobytes()


@pytest.mark.parametrize("far", [1e6, 1e150, -1e300])
def test_a_row_far_from_everything_is_worth_minus_rho(far: float) -> None:
    packed = pack([made_up(dims=2)])
    assert decision_values(packed, np.array([[far, far]]), np.array([0, 1])) == pytest.approx(-packed.rho)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_worth_nan_and_harms_no_other(bad: float) -> None:
    packed = pack([made_up(dims=2)])
    x = rows_for(packed, [10], 2)
    good = decision_values(packed, x, np.array([0, 10]))
    x[3, 1] = bad
    values = decision_values(packed, x, np.array([0, 10]))
    assert np.isnan(values[3])
    np.testing.assert_array_equal(np.delete(values, 3), np.delete(good, 3))


def test_no_models_and_no_rows_are_fine() -> None:
    assert len(decision_values(pack([]), np.empty((0, 2)), np.array([0]))) == 0


@pytest.mark.parametrize("offsets", [[0, 2], [1, 3], [0, 2, 3], [0], [0, 4, 3]])
def test_offsets_that_do_not_fit_are_refused(offsets: list[int]) -> None:
    models = 2 if offsets == [0, 4, 3] else 1
    with pytest.raises(InvalidInput, match="offsets"):
        decision_values(pack([made_up()] * models), np.zeros((3, 2)), np.array(offsets))


def test_too_few_columns_are_refused() -> None:
    with pytest.raises(InvalidInput, match="more features"):
        decision_values(pack([made_up(dims=3)]), np.zeros((1, 2)), np.array([0, 1]))


def test_compiled_code_calls_nothing_that_is_not_there() -> None:
    compiled.load(kernel.ROUTINE)
    declared = [line for line in kernel.ROUTINE.kept().read_text().splitlines() if line.startswith("declare")]
    assert [line for line in declared if "@llvm." not in line] == []


def test_scoring_imports_neither_a_compiler_nor_scikit_learn() -> None:
    compiled.load(kernel.ROUTINE)
    code = (
        "import sys; from shared.anomaly_detection import bundle, kernel, compiled; compiled.load(kernel.ROUTINE);"
        "print(*{'numba', 'sklearn', 'scipy', 'pandas', 'safetensors'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("\n", "")


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = tmp_path / "file"
    taken.touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(taken))
    monkeypatch.setattr("shared.anomaly_detection.native.text", lambda *_: ("name", "code"))
    assert compiled.make(kernel.ROUTINE, kernel.ROUTINE.kept()) == "; entry: name\ncode"


def test_what_is_compiled_is_kept_where_the_setting_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr("shared.anomaly_detection.native.text", lambda *_: ("name", "code"))
    compiled.make(kernel.ROUTINE, kernel.ROUTINE.kept())
    assert [path.read_text() for path in (tmp_path / "kept").iterdir()] == ["; entry: name\ncode"]


def test_threads_may_be_the_first_to_use_it() -> None:
    """In a process of its own, because only the first use links the code."""
    code = (
        "import numpy as np\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from shared.anomaly_detection.kernel import decision_values\n"
        "from shared.anomaly_detection.one_class_svm import SeriesModel, pack\n"
        "one = np.ones(1)\n"
        "model = SeriesModel('a', ('1',), one > 1, 0 * one, one, 0 * one[:, None], one, 0.5, 0.1, 0.0)\n"
        "models, x = pack([model]), np.zeros((64, 2))\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    found = [pool.submit(decision_values, models, x, np.array([0, 64])) for _ in range(64)]\n"
        "assert all(np.allclose(each.result(), 0.5) for each in found)\n"
    )
    for _ in range(5):
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
