"""The two quality bars, on the public data sets that bench/quality.py reads."""

import pytest

from bench.quality import REFERENCE, VALVE, steady, valve
from shared.anomaly_detection.features import Per
from shared.anomaly_detection.fitting import Parameters


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"the reference data are not at {REFERENCE}")
def test_noise_is_left_alone_and_shifts_are_caught():
    result = steady(Parameters())
    assert result.overall <= 1
    assert result.worst <= 2
    assert result.shifts[3].overall >= 99
    assert result.shifts[5].overall >= 99


@pytest.mark.skipif(not VALVE.exists(), reason=f"the SKAB data are not at {VALVE}")
def test_valve_faults_are_found_with_few_false_alarms():
    counts = valve(Parameters(Per.DEVICE))
    assert counts.f1 > 0.78
    assert counts.false_alarm_rate < 5
