"""The image's command line: `score` one part of a run, then `merge` its parts.

Exit code 0: done; 2: it cannot succeed however often it is tried (bad arguments, no such bundle, a damaged one);
1: something else failed, so trying again may help.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from scoring_images.anomaly.job import Containers, Job, Part
from shared.anomaly_detection.span import SpanRun
from shared.errors import InvalidInput, NotFound, TallyError
from shared.runs.workload import argument_of
from shared.settings import Settings
from shared.storage import Storage

DESCRIPTION = """\
Scores windows of sensor readings with the one-class SVMs of a bundle.

A run scores the windows whose start lies in [start, end). Its work is cut into parts, each with a range of the
bundle's series; parts may run at the same time, on any machines. When all are done, merge adds them up:

  predictions/date=/hour=/run=RUN/part-00000.parquet   device, sensor, window_end, value, score, prediction
                                 /part-00000.csv       with --csv: TS,Device,Tag,Val,Prediction
                                 /part-00000.json      counts, seconds per stage, series without a model
                                 /summary.json         merge: the whole run
  reports/RUN.html                                     merge: the report, worst series first

A score below 0 is an anomaly (prediction 1). Every output has a fixed name and is written whole, so any task can be
repeated at any time: the same rows come out.
"""

EPILOG = """\
The storage accounts come from the environment: DataStorage and ControlStorage (connection strings), or
DataStorage__blobServiceUri and ControlStorage__blobServiceUri to use an identity; FILE_SECONDS as in the app.

Exit codes: 0 done; 2 it cannot succeed however often it is tried (arguments, bundle); 1 try again.

Example, a run of one part over 15 series:
  PARAMS='{"bundle": "VERSION", "start": "2018-08-28T23:00:00Z", "end": "2018-08-29T00:00:00Z"}'
  python -m scoring_images.anomaly score --run test-1 --params "$PARAMS" --part 0 --parts 1 --first 0 --last 15
  python -m scoring_images.anomaly merge --run test-1 --params "$PARAMS" --parts 1
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    plain = argparse.RawDescriptionHelpFormatter
    main = argparse.ArgumentParser(
        "scoring_images.anomaly", description=DESCRIPTION, epilog=EPILOG, formatter_class=plain
    )
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")
    score = commands.add_parser("score", help="score one part of a run")
    merge = commands.add_parser("merge", help="add up all parts, write summary and report")
    csv = commands.add_parser("csv", help="score a CSV file as it stands, without a run")
    csv.add_argument("source", type=Path, metavar="IN.csv", help="TS,Device,Tag,Value; each series in time order")
    csv.add_argument("sink", type=Path, metavar="OUT.csv", help="TS,Device,Tag,Val,Prediction (1 = anomaly)")
    csv.add_argument("--bundle", metavar="VERSION", help="version of the bundle; without one, the current")
    for command in (score, merge):
        command.add_argument("--run", required=True, help="id of the run; names its outputs")
        command.add_argument(
            "--params",
            required=True,
            type=argument_of(SpanRun),
            metavar="JSON",
            help="bundle (its version), start and end of the span (excluded); plain or percent-encoded",
        )
        command.add_argument("--parts", required=True, type=int, metavar="N", help="how many parts the run has")
        command.add_argument("--csv", action="store_true", help="also write predictions as CSV")
    score.add_argument("--part", required=True, type=int, metavar="I", help="number of this part, from 0")
    score.add_argument("--first", required=True, type=int, metavar="A", help="index of its first series in the bundle")
    score.add_argument("--last", required=True, type=int, metavar="B", help="index after its last series")
    return main


def run(arguments: argparse.Namespace) -> None:
    """Do what the command line asks for. Heavy imports wait until here, so that help and errors come at once."""
    if arguments.command == "csv":
        from scoring_images.anomaly.csv_job import score_file

        bundles = Storage.from_settings(Settings.from_env()).control("bundles")
        print(score_file(bundles, arguments.bundle, arguments.source, arguments.sink))
        return
    told: SpanRun = arguments.params
    job = Job(arguments.run, told.bundle, told.start, told.end, arguments.parts, arguments.csv)
    settings = Settings.from_env()
    containers = Containers.of(Storage.from_settings(settings))
    if arguments.command == "merge":
        from scoring_images.anomaly.merge import merge

        merge(job, containers, partial(settings.estimate, "anomaly"), settings.error_budget_percent)
        return
    from scoring_images.anomaly.score import score

    score(job, Part(arguments.part, arguments.first, arguments.last), containers, settings.file_seconds)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a task; returns its exit code."""
    arguments = parser().parse_args(argv)
    try:
        run(arguments)
    except TallyError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, InvalidInput | NotFound) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
