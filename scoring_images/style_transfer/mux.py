"""Puts the styled frames and everything else of the input into one MP4."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ffmpeg

from scoring_images.style_transfer.ffmpeg_call import SAFE, call
from scoring_images.style_transfer.sound import Fate
from scoring_images.style_transfer.strand import exact
from scoring_images.style_transfer.video import Video


def mux(styled: Path, source: Path, video: Video, fates: Sequence[Fate], target: Path, seconds: float) -> None:
    """Write `target`: the frames of `styled`, and what the fates keep of `source`, moved to the same origin.

    Raises Transient where ffmpeg fails or needs longer than `seconds`.
    """
    kept = [fate for fate in fates if fate.coder]
    frames = ffmpeg.input(str(styled), **SAFE)
    rest = ffmpeg.input(str(source), itsoffset=f"{-float(video.origin * video.time_base):.9f}", **SAFE)
    streams = [frames["v:0"], *(rest[str(fate.stream.index)] for fate in kept)]
    if not kept:
        streams.append(rest["v:99?"])  # none at all, but it keeps the input, for its metadata and chapters
    call(ffmpeg.output(*streams, str(target), **_options(video, kept)), seconds)


def _options(video: Video, kept: Sequence[Fate]) -> dict[str, Any]:
    options: dict[str, Any] = {
        **exact(video),
        "format": "mp4",
        "copyts": None,  # each input keeps its times: they agree already
        "movflags": "+faststart",
        "map_metadata": "1",
        "map_chapters": "1",
        "c:0": "copy",
        "map_metadata:s:0": f"1:s:{video.stream}",
        "metadata:s:0": "encoder=",  # the one of the input
        "disposition:0": "default",
    }
    for number, fate in enumerate(kept, 1):
        options[f"c:{number}"] = fate.coder
        options[f"map_metadata:s:{number}"] = f"1:s:{fate.stream.index}"
        if fate.coder == "aac":
            options[f"b:{number}"] = "192k"
            options[f"flags:{number}"] = "+bitexact"
    return options
