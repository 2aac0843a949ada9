"""Calls the ffmpeg program with a graph made by ffmpeg-python: no shell, a time limit, and errors in one line."""

import subprocess

import ffmpeg
import imageio_ffmpeg

from scoring_images.style_transfer.container import FORMATS
from shared.errors import Transient

SAFE = {"format_whitelist": FORMATS, "protocol_whitelist": "file,pipe"}
"""Options of an input that a stranger made: only that file is opened."""


def call(output: ffmpeg.nodes.OutputStream, seconds: float) -> None:
    """Run ffmpeg until the output is written, overwriting what is there; its warnings are not shown.

    Raises Transient with ffmpeg's last line where it fails, and where it takes longer than `seconds`: it is ended then.
    """
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error"]
    command = ffmpeg.compile(output, cmd=program, overwrite_output=True)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        raise Transient(f"ffmpeg was ended after {seconds:.0f} s.") from error
    if done.returncode:
        raise Transient(*_reason(done.stderr.decode(errors="replace")))


def _reason(log: str) -> tuple[str, str]:
    if "No space left on device" in log:
        return "The disk is full: ffmpeg cannot write the video.", "Give the task more disk."
    lines = log.strip().splitlines()
    return f"ffmpeg failed: {lines[-1] if lines else 'it gave no reason'}", ""
