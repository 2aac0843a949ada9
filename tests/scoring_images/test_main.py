"""The image's command line: what it teaches, and what its exit codes mean."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from scoring_images.anomaly import __main__ as command
from shared.errors import BundleError, Conflict, InvalidInput, NotFound, TallyError, Transient

ROOT = Path(__file__).parents[2]
SPAN = {"bundle": "v", "start": "2026-11-20T22:00:00Z", "end": "2026-11-20T23:00:00Z"}


def told(**changed: str) -> str:
    return json.dumps(SPAN | changed)


COMMON = ["--run", "r", "--params", told(), "--parts", "1"]
SCORE = ["score", *COMMON, "--part", "0", "--first", "0", "--last", "1"]


def test_help_explains_outputs_exit_codes_and_gives_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        command.main(["--help"])
    text = capsys.readouterr().out
    assert exit_info.value.code == 0
    assert all(
        word in text for word in ("part-00000.parquet", "reports/RUN.html", "Exit codes", "Example", "score", "merge")
    )


def test_arguments_are_parsed_before_anything_heavy_is_loaded() -> None:
    code = (
        "import sys; from scoring_images.anomaly.__main__ import parser; parser().parse_args(sys.argv[1:]);"
        "print(sorted({'polars', 'numpy', 'numba', 'sklearn', 'azure.storage.blob'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *SCORE], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_scoring_task_loads_neither_scikit_learn_nor_pandas() -> None:
    code = "import sys, scoring_images.anomaly.score; print(sorted({'sklearn', 'pandas', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BundleError("Bundle v is damaged.", "Train again."), 2),
        (InvalidInput("No."), 2),
        (NotFound("Part 3 is missing."), 2),
        (Transient("Storage is away."), 1),
        (Conflict("Somebody else."), 1),
    ],
)
def test_an_error_is_one_line_and_says_by_its_code_whether_to_try_again(
    error: TallyError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(command, "run", fail)
    assert command.main(SCORE) == code
    assert capsys.readouterr().err == f"{error}\n"


def test_an_unexpected_fault_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(command, "run", fail)
    with pytest.raises(ZeroDivisionError):
        command.main(SCORE)


@pytest.mark.parametrize(
    "change",
    [
        ("--params", told(start="yesterday")),
        ("--params", told(start="2026-11-20T22:00:00")),
        ("--params", "yesterday"),
        ("--params", "{}"),
        ("--parts", "many"),
        ("--params", told(end="2026-13-01")),
    ],
)
def test_bad_arguments_exit_with_2(change: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        command.main([*SCORE, *change])
    assert exit_info.value.code == 2
    assert change[1] in capsys.readouterr().err


@pytest.mark.parametrize(
    "change", [("--params", told(end="2026-11-20T22:00:00Z")), ("--run", "../x"), ("--parts", "0")]
)
def test_arguments_that_make_no_job_exit_with_2(change: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([*SCORE, *change]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "DataStorage" not in line


def test_missing_settings_exit_with_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("DataStorage", raising=False)
    assert command.main(SCORE) == 2
    assert capsys.readouterr().err.startswith("DataStorage is not set.")


@pytest.mark.parametrize("hour", ["2026-11-20T22:00:00Z", "2026-11-20T23:00:00+01:00"])
@pytest.mark.parametrize("encode", [str, quote])
def test_parameters_come_plain_or_percent_encoded_and_times_of_any_zone(
    hour: str, encode: Callable[[str], str]
) -> None:
    parsed = command.parser().parse_args(["merge", "--run", "r", "--parts", "1", "--params", encode(told(start=hour))])
    assert parsed.params.start == datetime(2026, 11, 20, 22, tzinfo=UTC)
