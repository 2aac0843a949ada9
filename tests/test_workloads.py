"""A workload is declared once: whatever has to know of it knows it from the list, one made up for the test as well."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.anomaly_detection.workload import ANOMALY, SpanRun
from shared.errors import InvalidInput
from shared.runs.workload import Workload, as_text
from shared.style_transfer.workload import STYLE, VideoRun
from shared.workloads import IMAGES, WORKLOADS

ROOT = Path(__file__).parents[1]
CONTAINERS = {workload.uploads.container for workload in WORKLOADS if workload.uploads}


@pytest.fixture(scope="module")
def sentiment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the app knows of a workload that has a line in the list and is named nowhere else."""
    command = (sys.executable, "-m", "tests.sentiment.app", str(tmp_path_factory.mktemp("sentiment")))
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_driver_runs_it_where_and_for_what_its_settings_say(sentiment: dict[str, Any]) -> None:
    assert sentiment["tasks"] == [["python", "-m", "scoring_images.sentiment", "mood", "a.txt", "8"]]
    assert sentiment["compute"] == "AzureBatchCompute"
    assert "amount=2.0" in sentiment["price"]
    assert sentiment["refused"].endswith("The workloads are anomaly, style, sentiment.")


def test_it_is_asked_for_over_http_and_in_the_apis_document(sentiment: dict[str, Any]) -> None:
    assert sentiment["asked"] == {"text": "a.txt", "words": "7", "loud": "false"}
    assert sentiment["request"]["discriminator"]["mapping"]["sentiment"].endswith("/TextRequest")
    assert sentiment["schema"] == {"enum": ["sentiment"]}


def test_uploads_and_the_timer_set_it_off(sentiment: dict[str, Any]) -> None:
    assert sentiment["uploaded"] == {"text": "b.txt", "words": "100", "loud": "true"}
    assert sentiment["due"] == ["sentiment-due"]


def test_its_nodes_are_made_played_and_looked_at(sentiment: dict[str, Any]) -> None:
    assert sentiment["pool"] == [0, "Standard_NC4as_T4_v3"]
    assert "tally-sentiment" in sentiment["pools"]
    assert {"pool tally-sentiment", "tally-sentiment:1", "Standard_NC4as_T4_v3"} <= set(sentiment["looks"])


def test_what_came_out_of_it_is_found(sentiment: dict[str, Any]) -> None:
    assert sentiment["outputs"] == ["a.txt"]


SPAN = SpanRun("b", datetime(2026, 1, 31, 9, tzinfo=UTC), datetime(2026, 1, 31, 10, tzinfo=UTC))
VIDEO = VideoRun("null", "12", "wave", 18, False, 2)


@pytest.mark.parametrize(
    ("workload", "params", "earlier"),
    [
        (ANOMALY, SPAN, {"bundle": "b", "start": "2026-01-31T09:00:00+00:00", "end": "2026-01-31T10:00:00+00:00"}),
        (
            STYLE,
            VIDEO,
            {"video": "null", "etag": "12", "style": "wave", "crf": "18", "steady": "false", "segments": "2"},
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Workload) else "",
)
def test_records_are_read_as_they_were_told_those_of_earlier_versions_too(
    workload: Workload[Any], params: Any, earlier: dict[str, str]
) -> None:
    assert workload.read(as_text(params)) == workload.read(earlier | {"later": "member"}) == params


def test_what_no_run_can_be_told_is_refused() -> None:
    with pytest.raises(InvalidInput, match="segments"):
        STYLE.read(as_text(VIDEO) | {"segments": "many"})


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_requests_name_the_workload_they_ask_for(workload: Workload[Any]) -> None:
    assert workload.request is None or workload.request.__struct_config__.tag == workload.name


def test_events_come_of_all_containers_whose_uploads_set_runs_off() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]["EVENT_GRID_CONTAINERS"]
    (array,) = re.findall(r"^param containers array = \[(.*?)\]", (ROOT / "infra" / "uploads.bicep").read_text(), re.M)
    assert set(sample.split(",")) == set(re.findall("'(.*?)'", array)) == CONTAINERS


def test_every_image_is_a_folder_with_what_builds_it() -> None:
    for image in IMAGES:
        assert {"Dockerfile", "__main__.py", "requirements.txt"} <= {
            path.name for path in (ROOT / "scoring_images" / image.name).iterdir()
        }
