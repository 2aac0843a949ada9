"""Probabilities add up, and weights are learned from what was meant."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.faq_matching.quality import Curve, calibration_error, threshold_for
from shared.faq_matching.ranking import Case, fit, probabilities

PRIOR = (1.0, 1.0, 0.0)


@given(arrays(np.float64, st.integers(0, 8), elements=st.floats(-1e300, 1e300)))
def test_probabilities_leave_room_for_none_of_these(log_odds):
    sure = probabilities(log_odds)
    assert np.isfinite(sure).all()
    assert (sure >= 0).all()
    assert sure.sum() <= 1 + 1e-12


def test_without_questions_weights_stay_as_they_were():
    assert fit([], PRIOR) == PRIOR


def test_weights_that_made_the_answers_are_found_again():
    random = np.random.default_rng(0)
    true = np.array([6.0, 3.0, -2.0])
    cases = []
    while len(cases) < 3_000:
        features = np.column_stack([random.normal(size=(5, 2)), np.ones(5)])
        sure = probabilities(features @ true)
        meant = random.choice(6, p=[*sure, 1 - sure.sum()])
        if meant < 5:
            cases.append(Case(features, int(meant)))
    learned = np.array(fit(cases, PRIOR))
    assert np.allclose(learned[:2] / learned[0], true[:2] / true[0], atol=0.1)


def test_calibration_error_is_how_far_probabilities_are_from_shares():
    sure = np.repeat([0.9, 0.3], 10)
    right = np.array([True] * 9 + [False] + [True] * 3 + [False] * 7)
    assert calibration_error(sure, right) < 1e-12
    assert np.isclose(calibration_error(sure, np.ones(20, np.bool_)), (0.1 + 0.7) / 2)


def test_a_curve_counts_answers_to_off_topic_questions_as_wrong():
    curve = Curve.of(np.array([0.9, 0.8, 0.4]), np.array([True, False, True]), np.array([0.85, 0.1]), share=0.5)
    assert curve.at(0.9) == (1 / 3, 0.0, 1.0)
    coverage, risk, refused = curve.at(0.8)
    assert (coverage, refused) == (2 / 3, 0.5)
    assert np.isclose(risk, (1 / 3 + 1 / 2) / (2 / 3 + 1 / 2))
    assert curve.at(0.95) == (0.0, 0.0, 1.0)


def test_the_threshold_is_the_lowest_with_at_most_the_risk():
    sure, right = np.linspace(0, 1, 101), np.linspace(0, 1, 101) >= 0.5
    curve = Curve.of(sure, right, np.zeros(1))
    threshold = threshold_for(curve, 0.0)
    assert 0.49 < threshold <= 0.5
    assert curve.at(threshold)[1] == 0.0
