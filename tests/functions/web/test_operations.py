"""Health and metrics tell how the models stand."""

import pytest

from functions.web.health import readiness
from shared.serving.metrics import Metrics
from shared.serving.served import Health

WELL, WORSE, ABSENT = Health("faq", "1", ""), Health("image", "2", "Storage is away.", 3), Health("image", "", "None.")


@pytest.mark.parametrize(
    ("models", "status"), [([WELL], "ready"), ([WELL, WORSE], "degraded"), ([WORSE, ABSENT], "unavailable")]
)
def test_what_fails_is_named(models: list[Health], status: str) -> None:
    found = readiness(models)
    assert found.status == status
    assert [(check.name, check.problem) for check in found.checks] == [(one.name, one.problem) for one in models]


def test_metrics_tell_of_models_and_of_their_calls() -> None:
    metrics = Metrics("here:7")
    for size in (1, 3, 16):
        metrics.called("faq", size)
    lines = metrics.text([WELL, WORSE]).decode().splitlines()
    assert {
        'tally_model_info{model="faq",process="here:7",version="1"} 1.0',
        'tally_model_degraded{model="faq",process="here:7"} 0.0',
        'tally_model_degraded{model="image",process="here:7"} 1.0',
        'tally_queue{model="image",process="here:7"} 3.0',
        'tally_batch_size_count{model="faq",process="here:7"} 3.0',
        'tally_batch_size_bucket{le="4.0",model="faq",process="here:7"} 2.0',
    } <= set(lines)
    series = [line for line in lines if not line.startswith("#")]
    assert all('process="here:7"' in line for line in series)
    assert not [line for line in series if "_created" in line]
