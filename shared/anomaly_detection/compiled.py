"""Keeps compiled functions on disk, so that a scoring process need not import a compiler.

A scoring task lives for a second or two. Importing numba and linking what it caches would take most of another; LLVM
alone turns the kept text into machine code in a tenth of that, and for the very processor it then runs on.
"""

import ctypes
import importlib
import importlib.util
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Lock

import llvmlite
import llvmlite.binding as llvm

ENTRY = "; entry: "


@dataclass(frozen=True, slots=True)
class Routine:
    """A function of a module that numba can compile; what its arguments are, `native.text` says."""

    module: str
    name: str
    arguments: str

    def kept(self) -> Path:
        """Where its text is kept: in NUMBA_CACHE_DIR, or else beside its source as Python keeps its own."""
        spec = importlib.util.find_spec(self.module)
        assert spec  # a part of this program
        source = Path(str(spec.origin))
        sources = source.read_bytes() + Path(__file__).with_name("native.py").read_bytes()
        made_for = f"{self.name} {self.arguments} {llvmlite.__version__} {platform.machine()}"
        folder = Path(os.environ.get("NUMBA_CACHE_DIR") or source.with_name("__pycache__"))
        return folder / f"{source.stem}.{self.name}-{sha256(sources + made_for.encode()).hexdigest()[:16]}.ll"


def load(routine: Routine) -> Callable[..., int]:
    """The routine as a C function, for pointers and integers; it does not hold Python's lock while it runs.

    The first call in a process takes a tenth of a second, or seconds where nothing is kept yet.
    """
    with _linking:  # LLVM links in one thread at a time, and what it linked lives as long as its only engine
        return _load(routine)


_linking = Lock()


@cache
def _load(routine: Routine) -> Callable[..., int]:
    place = routine.kept()
    text = place.read_text() if place.is_file() else make(routine, place)
    return _link(text, routine.arguments)


def make(routine: Routine, place: Path) -> str:
    """Compile, and keep the text for the next process."""
    from shared.anomaly_detection import native

    function = getattr(importlib.import_module(routine.module), routine.name)
    name, code = native.text(function, routine.arguments)
    text = f"{ENTRY}{name}\n{code}"
    with suppress(OSError):  # a read-only folder costs the next process time, nothing else
        _write_whole(place, text)
    return text


def _write_whole(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(f".{os.getpid()}")
    part.write_text(text)
    part.replace(place)


@cache
def _engine() -> llvm.ExecutionEngine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def _link(text: str, arguments: str) -> Callable[..., int]:
    name = text.partition("\n")[0].removeprefix(ENTRY)
    engine = _engine()
    engine.add_module(llvm.parse_assembly(text))
    engine.finalize_object()
    kinds = [ctypes.c_int64 if letter == "n" else ctypes.c_void_p for letter in arguments]
    return ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(engine.get_function_address(name))
