"""Keeps compiled arithmetic on disk, so that a scoring process need not import a compiler.

A scoring task lives for a second or two. Importing numba and linking what it caches would take most of another; LLVM
alone turns the kept text into machine code in a tenth of that, and for the very processor it then runs on.
"""

import ctypes
import os
import platform
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

import llvmlite  # type: ignore[import-untyped]
import llvmlite.binding as llvm  # type: ignore[import-untyped]

SOURCE = Path(__file__).with_name("gauss_sum.py")
ENTRY = "; entry: "


@cache
def decision_values() -> Callable[..., None]:
    """`gauss_sum.decision_values` as a C function; it holds no lock of Python while it runs.

    The first call in a process takes a tenth of a second, or seconds where nothing is kept yet.
    """
    place = cached()
    text = place.read_text() if place.is_file() else _compile(place)
    return _link(text)


def cached() -> Path:
    """Where the compiled text is kept: in NUMBA_CACHE_DIR, or else beside the source as Python keeps its own."""
    folder = os.environ.get("NUMBA_CACHE_DIR") or SOURCE.with_name("__pycache__")
    key = sha256(SOURCE.read_bytes() + f"{llvmlite.__version__} {platform.machine()}".encode())
    return Path(folder) / f"{SOURCE.stem}-{key.hexdigest()[:16]}.ll"


def _compile(place: Path) -> str:
    from shared.models.gauss_sum import compiled

    name, code = compiled()
    text = f"{ENTRY}{name}\n{code}"
    with suppress(OSError):  # a read-only folder costs the next process time, nothing else
        _write_whole(place, text)
    return text


def _write_whole(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=place.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(place)


@cache
def _engine() -> llvm.ExecutionEngine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def _link(text: str) -> Callable[..., None]:
    name = text.partition("\n")[0].removeprefix(ENTRY)
    engine = _engine()
    engine.add_module(llvm.parse_assembly(text))
    engine.finalize_object()
    pointer, count = ctypes.c_void_p, ctypes.c_int64
    prototype = ctypes.CFUNCTYPE(None, count, *[pointer] * 11, count, count, *[pointer] * 4)
    return prototype(engine.get_function_address(name))
