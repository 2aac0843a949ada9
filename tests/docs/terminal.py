"""A terminal that a script types into key by key: bash on a pseudo-terminal, whose screen an emulator draws."""

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyte

COLUMNS, ROWS = 80, 24
# Programs are told 80 columns. The emulated screen is wider and higher, so that long lines and all output stay whole.
_SIZE = 2000, 3000
_PROMPT = r"\[\e]0;$?\a\]$ "  # the title that it sets is the last command's exit code, and shows that it has ended
_BASH = ("bash", "--noprofile", "--norc", "--noediting", "-i")
_TAKE_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp('bash', sys.argv[1:])"
CTRL_C = "\x03"


class _Screen(pyte.Screen):
    """Counts prompts by the titles that they set."""

    prompts = 0

    def set_title(self, param: str) -> None:
        super().set_title(param)
        self.prompts += 1


class Terminal:
    """Bash in a folder; close it, so that what runs in it ends as it does when a window is closed."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._screen = _Screen(*_SIZE)
        self._stream = pyte.ByteStream(self._screen)
        self._keyboard, inside = os.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        command = [sys.executable, "-c", _TAKE_TERMINAL, *_BASH]
        given = {**env, "PS1": _PROMPT, "TERM": "xterm-256color"}
        with os.fdopen(inside, "rb") as end:
            self._bash = subprocess.Popen(
                command, cwd=folder, env=given, stdin=end, stdout=end, stderr=end, start_new_session=True
            )
        self._wait(lambda: self._screen.prompts == 1, 30)

    def run(self, keys: str, until: str = "", seconds: float = 300) -> tuple[list[str], int]:
        """Type a command and Enter, or Ctrl-C alone; the lines it shows, and its exit code.

        With `until` it ends once that text is on the screen, while the command runs on (exit code 0).
        """
        first, before = self._screen.cursor.y + 1 + keys.count("\n"), self._screen.prompts
        for key in keys if keys == CTRL_C else f"{keys}\n":
            os.write(self._keyboard, key.encode())
        if until:
            self._wait(lambda: any(until in line for line in self._lines(first)), seconds)
            time.sleep(0.5)  # nobody types sooner
            return self._lines(first), 0
        self._wait(lambda: self._screen.prompts > before, seconds)
        return self._lines(first)[:-1], int(self._screen.title)

    def close(self) -> None:
        """Hang up, and wait until bash has gone."""
        os.close(self._keyboard)
        self._bash.wait(60)

    def _lines(self, first: int) -> list[str]:
        rows = (self._screen.buffer[y] for y in range(first, self._screen.cursor.y + 1))
        return ["".join(row[x].data for x in range(max(row, default=-1) + 1)).rstrip() for row in rows]

    def _wait(self, ready: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                raise TimeoutError("\n".join(["The terminal shows no end of it:", *self._lines(0)]))
            if select.select([self._keyboard], [], [], 0.2)[0]:
                self._stream.feed(os.read(self._keyboard, 65536))
