"""Calls the ffmpeg program with a graph made by ffmpeg-python: no shell, a time limit, and errors in one line."""

import subprocess

import ffmpeg
import imageio_ffmpeg

from scoring_images.style_transfer.container import FORMATS
from shared.compute.logs import last_line
from shared.errors import Transient

SAFE = {"format_whitelist": FORMATS, "protocol_whitelist": "file,pipe"}
"""Options of an input that a stranger made: only that file is opened."""


class FfmpegFailed(Transient):
    """ffmpeg ended with an error, which may lie in what it was asked for."""


def call(output: ffmpeg.nodes.OutputStream, seconds: float, data: bytes = b"") -> None:
    """Run ffmpeg, with `data` as its standard input, until its output is written over what is there.

    Raises FfmpegFailed with the last line of its log, and Transient where the disk is full or it takes longer than
    `seconds`: then it is ended.
    """
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error"]
    command = ffmpeg.compile(output, cmd=program, overwrite_output=True)
    try:
        done = subprocess.run(command, input=data, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise Transient(f"ffmpeg was ended after {seconds:.0f} s.") from error
    if done.returncode < 0:
        raise Transient(f"ffmpeg was ended by signal {-done.returncode}; it may have had too little memory.")
    if done.returncode:
        raise _failure(done.stderr.decode(errors="replace"))


def _failure(log: str) -> Transient:
    if "No space left on device" in log:
        return Transient("The disk is full: ffmpeg cannot write the video.", "Give the task more disk.")
    return FfmpegFailed(f"ffmpeg failed: {last_line(log) or 'it gave no reason'}")
