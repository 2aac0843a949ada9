"""What becomes of the other streams of a video: sound, subtitles, covers, further videos."""

from dataclasses import dataclass

from scoring_images.style_transfer.video import OtherStream

SOUND = {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac", "dts"}
PICTURES = {"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video"}
COVERS = {"mjpeg", "png"}
TEXTS = {"subrip", "ass", "ssa", "webvtt", "text"}


@dataclass(frozen=True, slots=True)
class Fate:
    """What was done with a stream: `coder` as ffmpeg's option -c has it, none where the stream was left out."""

    stream: OtherStream
    coder: str | None
    why: str = ""

    def __str__(self) -> str:
        stream = self.stream
        kind = "cover picture" if stream.cover else stream.type
        more = ", ".join(filter(None, (stream.codec, stream.language)))
        named = f"{kind} ({more})" if more else kind
        done = {None: "left out", "copy": "copied", "aac": "converted to AAC", "mov_text": "converted to MP4's text"}
        return f"stream {stream.index}, {named}: {done[self.coder]}" + (f", {self.why}" if self.why else "")


def fate(stream: OtherStream) -> Fate:
    """Copied where MP4 holds it and players know it there; else converted where that is possible; else left out."""
    if not stream.packets:
        return Fate(stream, None, "it is empty")
    match stream.type:
        case "audio":
            return _sound(stream)
        case "subtitle":
            return _subtitles(stream)
        case "video":
            held = stream.codec in (COVERS if stream.cover else PICTURES)
            return Fate(stream, "copy") if held else Fate(stream, None, "MP4 cannot hold it")
    return Fate(stream, None, "MP4 has no place for it")


def _sound(stream: OtherStream) -> Fate:
    if stream.codec in SOUND:
        return Fate(stream, "copy")
    return Fate(stream, "aac", "MP4 cannot hold it") if stream.codec else Fate(stream, None, "its coding is unknown")


def _subtitles(stream: OtherStream) -> Fate:
    if stream.codec == "mov_text":
        return Fate(stream, "copy")
    return Fate(stream, "mov_text") if stream.codec in TEXTS else Fate(stream, None, "its text is in pictures")


def plainer(chosen: Fate) -> Fate:
    """The next thing to try where ffmpeg cannot do what was chosen: sound is decoded, all else is left out."""
    if chosen.coder == "copy" and chosen.stream.type == "audio" and chosen.stream.codec:
        return Fate(chosen.stream, "aac", "it cannot be copied")
    return Fate(chosen.stream, None, "it cannot be read")
