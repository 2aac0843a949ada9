"""`python -m scoring_images.style_transfer`: the tasks of style runs, and the styling of a file."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shared.compute.ranks import rank_and_size
from shared.errors import InvalidInput, NotFound, TallyError
from shared.refusals import as_refusal
from shared.runs.workload import argument_of
from shared.settings import Settings
from shared.storage import Storage
from shared.style_transfer.workload import VideoRun

DESCRIPTION = """\
Styles videos: every frame goes through a style network; timestamps, sound and the rest of the file stay as they are.

A run is one split, as many stylize as there are segments (side by side, on any machines), and one join:

  split     keeps the video as it is now, indexes its frames, settles the style   -> work/RUN/ (control account)
  stylize   decodes, styles and encodes a segment, in memory
  join      strings the segments together, copies the sound, verifies             -> styled/VIDEO.mp4 (data account)
                                                             VIDEO.jpg, VIDEO-sheet.jpg, VIDEO.json beside it

The frames of a segment come out the same however many segments there are. Every output has a fixed name and is
written whole, so any task can be repeated at any time.
"""

EPILOG = """\
The storage accounts come from the environment: DataStorage and ControlStorage (connection strings), or
DataStorage__blobServiceUri and ControlStorage__blobServiceUri to use an identity; TASK_THREADS, STYLE_MEMORY_MB and
VIDEO_MAX_PIXELS as in the app.

Started by MPI without --segment, stylize takes the segments of its rank: rank, rank + size, ...

Exit codes: 0 done; 2 it cannot succeed however often it is tried (no video, unknown style); 1 try again.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    plain = argparse.RawDescriptionHelpFormatter
    main = argparse.ArgumentParser(
        "scoring_images.style_transfer", description=DESCRIPTION, epilog=EPILOG, formatter_class=plain
    )
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")
    split = commands.add_parser("split", help="keep and index a video")
    split.add_argument(
        "--params",
        required=True,
        type=argument_of(VideoRun),
        metavar="JSON",
        help="video (its blob), etag (the version to style), style, crf, steady, segments; percent-encoded",
    )
    split.add_argument("--strict", action="store_true", help="refuse a video with damaged or missing frames")
    stylize = commands.add_parser("stylize", help="style a segment")
    stylize.add_argument("--segment", type=int, metavar="I", help="number of the segment, from 0")
    join = commands.add_parser("join", help="put the segments together and publish the result")
    for command in (split, stylize, join):
        command.add_argument("--run", required=True, help="id of the run; names what its tasks share")
    file = commands.add_parser("file", help="style a file, without storage")
    file.add_argument("source", type=Path, metavar="IN")
    file.add_argument("target", type=Path, metavar="OUT.mp4")
    file.add_argument("--style", default="wave", metavar="NAME", help="a style that ships, or the folder of another")
    file.add_argument("--crf", type=int, default=18, help="quality: 0 is lossless, 51 the worst")
    file.add_argument("--steady", action="store_true", help="blend frames along the motion: less flicker")
    return main


def run(arguments: argparse.Namespace) -> None:
    """Do what the command line asks for. Heavy imports wait until here, so that help and errors come at once."""
    settings = Settings.from_env()
    if arguments.command == "file":
        _style_file(arguments, settings)
        return
    storage = Storage.from_settings(settings)
    if arguments.command == "split":
        from scoring_images.style_transfer.job import Order
        from scoring_images.style_transfer.split import split

        told = msgspec.structs.asdict(arguments.params)
        split(Order(**told, run=arguments.run, strict=arguments.strict), storage, settings)
    elif arguments.command == "stylize":
        _stylize(arguments, storage, settings)
    else:
        from scoring_images.style_transfer.finish import finish

        finish(arguments.run, storage)


def _stylize(arguments: argparse.Namespace, storage: Storage, settings: Settings) -> None:
    from scoring_images.style_transfer.job import Work
    from scoring_images.style_transfer.stylize import stylize

    if arguments.segment is not None:
        numbers = range(arguments.segment, arguments.segment + 1)
    else:
        rank, size = rank_and_size(os.environ)
        numbers = range(rank, Work.of(storage, arguments.run).index().order.segments, size)
    for number in numbers:
        stylize(arguments.run, number, storage, settings)


def _style_file(arguments: argparse.Namespace, settings: Settings) -> None:
    from scoring_images.style_transfer.job import Order
    from scoring_images.style_transfer.local import style_file

    # As absolute paths: ffmpeg would take `-a.mp4` for an option and `a:b.mp4` for a protocol.
    source, target = arguments.source.resolve(), arguments.target.resolve()
    for path in map(str, (source, target)):
        if os.fsencode(path).decode(errors="replace") != path:
            raise InvalidInput(f"The name {path!r} is not in UTF-8.", "Give it another.")
    told = (source.name, "", arguments.style, arguments.crf, arguments.steady, 1)
    order = Order(*told, run="", strict=settings.strict_video)
    style_file(source, target, order, settings)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a task; returns its exit code."""
    arguments = parser().parse_args(argv)
    try:
        run(arguments)
    except TallyError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, InvalidInput | NotFound) else 1
    except OSError as error:
        if arguments.command != "file":  # a task's log is for those who look for the place
            raise
        print(as_refusal(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
