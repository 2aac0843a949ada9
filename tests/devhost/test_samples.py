"""The demo's samples are made without a look at the keyboard."""

import os
import re
import subprocess
import sys
from pathlib import Path

import av
import pytest

ROOT = Path(__file__).parents[2]
DRAWN = "import sys; from pathlib import Path; from devhost import samples; samples.REAL = Path('none')\n"


@pytest.mark.slow
def test_a_key_typed_meanwhile_neither_cuts_the_clip_nor_is_swallowed(tmp_path: Path) -> None:
    keyboard, terminal = os.openpty()
    os.write(keyboard, b"q\n")
    clip = tmp_path / "clip.mp4"
    code = f"{DRAWN}samples.write_clip(Path({str(clip)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdin=terminal, check=True)
    with av.open(str(clip)) as opened:
        assert opened.streams.video[0].frames == 50
    assert os.read(terminal, 10) == b"q\n"
    os.close(keyboard)
    os.close(terminal)


def test_no_call_of_ffmpeg_listens_to_the_terminal() -> None:
    calls = [
        (path.name, line.strip())
        for top in ("bench", "devhost", "scoring_images", "shared", "tests")
        for path in (ROOT / top).rglob("*.py")
        if path != Path(__file__)
        for line in re.findall(r".*get_ffmpeg_exe\(\).*(?:\n.*)?", path.read_text())
    ]
    assert len(calls) >= 4
    assert [call for call in calls if "-nostdin" not in call[1]] == []
