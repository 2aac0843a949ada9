"""Compiles arithmetic on bare pointers with numba into LLVM's text, which `compiled.py` keeps and loads.

Such functions allocate nothing and raise nothing, so that nothing of numba is needed to run them.
"""

from collections.abc import Callable
from typing import Any

from numba import cfunc, njit, types

# Fused multiply-add and no other liberty: a free order of summation would change last bits.
OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy", "forceinline": True}

type Floats = Any  # pointer to float64
type Integers = Any  # pointer to int64
type Bytes = Any  # pointer to uint8


def inlined[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Let other compiled functions call this one."""
    made: Callable[P, R] = njit(**OPTIONS)(function)
    return made


def text(function: Callable[..., int], arguments: str) -> tuple[str, str]:
    """The name and the optimised LLVM text of a function; any processor of the kind that made it can run it.

    arguments: a letter each, n for an integer; i, f and b for pointers to int64, float64 and bytes.
    """
    pointers = {"i": types.int64, "f": types.float64, "b": types.uint8}
    kinds = {letter: types.CPointer(kind) for letter, kind in pointers.items()}  # type: ignore[no-untyped-call]
    signature = types.int64(*[({"n": types.int64} | kinds)[letter] for letter in arguments])
    made = cfunc(signature, **OPTIONS)(function)
    return made.native_name, made.inspect_llvm()
