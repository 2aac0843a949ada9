"""Styles a file on this machine, without storage: one segment, and what a run leaves, beside the result."""

from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from scoring_images.style_transfer.encode import Encoding
from scoring_images.style_transfer.finish import summary
from scoring_images.style_transfer.groups import groups
from scoring_images.style_transfer.job import Index, Order
from scoring_images.style_transfer.join import join
from scoring_images.style_transfer.pictures import poster, sheet
from scoring_images.style_transfer.split import STYLES, check_whole, limits
from scoring_images.style_transfer.stylize import Styling, open_network, say
from scoring_images.style_transfer.video import probe
from shared.bundles.registry import MANIFEST, Bundle
from shared.settings import Settings
from shared.style_transfer.styles import KIND, Manifest, read_style


@dataclass(slots=True)
class Counter:
    """Says how far it is, one line per frame, for whoever shows a bar."""

    total: int
    done: int = 0

    def __call__(self) -> None:
        self.done += 1
        print(f"frame {self.done} of {self.total}", flush=True)


def style_file(source: Path, target: Path, order: Order, settings: Settings) -> None:
    """Style a video file. The result, its poster, sheet and report appear whole, the video last.

    The order's style may also be the folder of one. Raises InvalidInput for what cannot be styled, BundleError for a
    damaged style.
    """
    painting = _style(order.style)
    order = msgspec.structs.replace(order, style=painting.manifest.name)
    with source.open("rb") as film:
        video = probe(film, limits(settings))
        check_whole(video, strict=order.strict)
        counter = Counter(len(video.timestamps))
        print(f"{counter.total} frames of {video.width}x{video.height}, {video.missing} missing", flush=True)
        styling = Styling(open_network(painting.content, settings), video, Encoding(order.crf), order.steady, counter)
        sink = BytesIO()
        report = styling.encode(film, groups(counter.total), sink)
    say("the video", report)
    with TemporaryDirectory(prefix="tally-", dir=target.parent) as place:
        folder = Path(place)
        joined = join([sink], source, video, folder)
        poster(joined.path, video, folder / "poster.jpg")
        with source.open("rb") as film:
            sheet(film, joined.path, video, folder / "sheet.jpg")
        index = Index(order, video, datetime.fromtimestamp(source.stat().st_mtime, UTC), painting.version)
        whole = summary(index, [report], joined.streams, {})
        (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(whole)))
        for name, ending in (("poster.jpg", ".jpg"), ("sheet.jpg", "-sheet.jpg"), ("report.json", ".json")):
            (folder / name).replace(target.with_name(target.stem + ending))
        joined.path.replace(target)


def _style(name: str) -> Bundle[Manifest]:
    folder = Path(name)
    return KIND.read_folder(folder) if (folder / MANIFEST).is_file() else read_style(name, STYLES, None)
