"""Drives Microsoft's own Python worker (azure-functions-runtime), the code that Azure runs for this app."""

import importlib
import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from devhost.function import FunctionInfo, read_function
from shared.errors import InvalidInput, SettingsError

SCRIPT = "function_app.py"


class _BindingInfo(SimpleNamespace):
    # Numbers of the worker's protocol, which its checks compare with.
    inout, out, undefined = 2, 1, 0


# The worker wants the classes of its protobuf protocol; anything that takes keywords serves.
_PROTOCOL = SimpleNamespace(
    RpcFunctionMetadata=SimpleNamespace, RpcRetryOptions=SimpleNamespace, BindingInfo=_BindingInfo
)


@dataclass(frozen=True, slots=True)
class Call:
    """What a trigger passes to a function: its inputs and the metadata beside them, both as the worker's data."""

    inputs: Sequence[tuple[str, Any]]
    metadata: Mapping[str, Any]
    retry: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended: `result` is what `$return` got, `outputs` what the other output bindings got."""

    invocation_id: str
    ok: bool
    seconds: float
    result: Any = None
    outputs: Sequence[tuple[str, Any]] = ()
    error: str = ""
    traceback: str = ""


def index(root: Path) -> list[FunctionInfo]:
    """The functions of the app in `root` as the real worker reports them, settings not yet filled in.

    Raises InvalidInput with the worker's reason where it refuses the app.
    """
    from azure_functions_runtime.functions import Registry

    return _index(root, Registry())


class Worker:
    """The worker within this process; one app at a time, because its registry is the worker's own."""

    def __init__(self, root: Path) -> None:
        from azure_functions_runtime.handle_event import _functions
        from azure_functions_runtime.utils.threadpool import start_threadpool_executor

        # The host reports each failure itself, once.
        logging.getLogger("azure.functions").addFilter(_not_a_failed_invocation)
        start_threadpool_executor()
        self.functions = _index(root, _functions)

    async def invoke(self, function: FunctionInfo, call: Call) -> Outcome:
        """Run the function; what it raises is in the outcome."""
        from azure_functions_runtime.native_invocation import invocation_request_native

        invocation_id = str(uuid.uuid4())
        started = time.perf_counter()
        ok, result, outputs, error, traceback = await invocation_request_native(
            invocation_id,
            function.function_id,
            call.inputs,
            call.metadata,
            retry_count=call.retry,
            max_retry_count=call.retries,
        )
        seconds = time.perf_counter() - started
        return Outcome(invocation_id, ok, seconds, result, outputs, error or "", traceback or "")

    def close(self) -> None:
        """Let no other call begin. A thread in the middle of one runs on: nothing can break it off."""
        from azure_functions_runtime.utils.threadpool import get_threadpool_executor

        if pool := get_threadpool_executor():
            pool.shutdown(wait=False, cancel_futures=True)


def leave(code: int, seconds: float = 1.0) -> None:
    """End this process at once where a function's thread does not end by itself; Python would wait for ever."""
    deadline = time.monotonic() + seconds
    threads = [each for each in threading.enumerate() if each is not threading.main_thread()]
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    alive = {thread for thread in threads if thread.is_alive() and not thread.daemon}
    if alive:
        # Threads of the app's own, such as those that wait for requests to a model, are no function at work.
        if alive & _function_threads():
            logging.getLogger("devhost").warning("a function is still running and is broken off")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _function_threads() -> set[threading.Thread]:
    """The worker's threads; after `close`, only those in the middle of a call are alive."""
    from azure_functions_runtime.utils.threadpool import get_threadpool_executor

    pool = get_threadpool_executor()
    return set(pool._threads) if pool else set()


def _not_a_failed_invocation(record: logging.LogRecord) -> bool:
    return record.msg != "Native invocation failed"


def _index(root: Path, registry: Any) -> list[FunctionInfo]:
    from azure_functions_runtime import loader
    from azure_functions_runtime.bindings.meta import load_binding_registry

    load_binding_registry()
    _put_first_on_path(root)
    try:
        functions = loader.index_function_app(SCRIPT)
        reported, _ = loader.process_indexed_function(_PROTOCOL, registry, functions, str(root))
    except SettingsError:
        raise
    except Exception as error:  # the app's own code runs here, and may raise anything
        raise InvalidInput(f"The worker cannot load {root / SCRIPT}: {error}") from error
    return [read_function(metadata) for metadata in reported]


def _put_first_on_path(root: Path) -> None:
    folder = os.fspath(root.resolve())
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    # An app object answers only once which functions it has, so every index needs a new one.
    sys.modules.pop(Path(SCRIPT).stem, None)
    importlib.invalidate_caches()
