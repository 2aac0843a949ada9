"""Moves runs on: each message makes one move and sends the next; a sweep replaces messages that were lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from shared.compute import Compute, Phase, Status
from shared.errors import Conflict, InvalidInput, NotFound, Overloaded, TallyError
from shared.runs import record
from shared.runs.record import Run, State
from shared.runs.store import RunStore
from shared.runs.workload import Planner
from shared.storage import Queue
from shared.telemetry import log


@dataclass(frozen=True, slots=True)
class Message:
    """What the queue carries: the run, and the step it may make; a message of another step is an old one."""

    run: str
    step: int


@dataclass(frozen=True, slots=True)
class Driver:
    """Runs, and what moves them: their records, their messages, their workloads, and the compute of each workload."""

    store: RunStore
    queue: Queue
    workloads: Mapping[str, Planner]
    computes: Mapping[str, Compute]
    poll_seconds: float
    now: Callable[[], datetime]

    def start(self, run: Run) -> bool:
        """Begin a run; False where its cause began it before. Safe to repeat."""
        if self.store.create(run):
            log("run created", run=run.id)
            self._send(run)
            return True
        self._unless_ended(run.id)
        return False

    def move(self, message: Message) -> None:
        """Make the one move that the message stands for, or none where it was made already."""
        run, etag = self._load(message)
        if run is None:
            return
        try:
            moved = record.advance(run, self._look(run), self.now())
        except Overloaded as error:  # it passes, and may take longer than a message is tried
            moved = record.advance(run, Status(Phase.RUNNING, reason=str(error)), self.now())
        except InvalidInput as error:
            moved = record.fail(run, str(error), self.now())
        self._save(run, moved, etag)

    def give_up(self, message: Message) -> None:
        """Try the move a last time; where it fails again, end the run with that as its reason."""
        try:
            self.move(message)
        except Exception as error:  # noqa: BLE001 - whatever it is becomes the run's reason
            run, etag = self._load(message)
            if run is not None:
                said = str(error) if isinstance(error, TallyError) else f"{type(error).__name__}: {error}"
                reason = f"Its message failed too often, at last because: {said}"
                self._save(run, record.fail(run, reason, self.now()), etag)

    def cancel(self, run_id: str) -> None:
        """Have a run stopped by its next move, which is due now. Raises NotFound, WrongState."""
        self._change(run_id, record.request_cancel)

    def retry(self, run_id: str) -> None:
        """Queue a failed or cancelled run once more. Raises NotFound, WrongState."""
        self._change(run_id, record.retry)

    def _change(self, run_id: str, change: Callable[[Run, datetime], Run]) -> None:
        """Change a run at a person's word, whatever moves it meanwhile, and have it moved on now."""
        self._send(self.store.change(run_id, lambda run: change(run, self.now())))

    def sweep(self) -> list[str]:
        """Send anew the messages of open runs that nothing has moved for long; their ids."""
        overdue = self.now() - timedelta(seconds=30 + 4 * self.poll_seconds)
        still_open = map(self._unless_ended, self.store.open_ids())
        lost = [run for run in still_open if run and run.updated < overdue]
        for run in lost:
            log("run swept: its message seems lost", run=run.id)
            self._send(run)
        return [run.id for run in lost]

    def _look(self, run: Run) -> Status:
        if run.workload not in self.workloads:
            raise InvalidInput(f"There is no workload {run.workload}.")
        compute = self.computes[run.workload]
        if run.cancelling:  # also one that is queued: the move that submitted it may have been outrun
            compute.cancel(run.id)
        if run.state is State.QUEUED:
            return self._submit(run)
        try:
            return compute.status(run.id, run.attempt)
        except NotFound:
            return Status(Phase.CANCELLED) if run.cancelling else self._submit(run)

    def _submit(self, run: Run) -> Status:
        if run.cancelling:
            return Status(Phase.CANCELLED)
        tasks = self.workloads[run.workload].plan(run.id, run.params)
        self.computes[run.workload].submit(run.id, run.attempt, tasks)
        return Status(Phase.RUNNING, len(tasks))

    def _load(self, message: Message) -> tuple[Run | None, str]:
        run, etag = self.store.load(message.run)
        if run.state.final or run.step != message.step:
            return None, etag
        return run, etag

    def _save(self, run: Run, moved: Run, etag: str) -> None:
        try:
            self.store.save(moved, etag)
        except Conflict:
            self._after_conflict(run)
            return
        if moved.state is not run.state:
            log(f"run {moved.state}", run=run.id, reason=moved.reason)
        if not moved.state.final:
            self._send(moved, self.poll_seconds)

    def _after_conflict(self, run: Run) -> None:
        """Another move won; unless it made this very step, this one is still to be made."""
        current, _ = self.store.load(run.id)
        if current.step == run.step and not current.state.final:
            self._send(current)

    def _send(self, run: Run, delay_seconds: float = 0) -> None:
        self.queue.send(msgspec.json.encode(Message(run.id, run.step)).decode(), delay_seconds)

    def _unless_ended(self, run_id: str) -> Run | None:
        try:
            run, _ = self.store.load(run_id)
        except NotFound:
            return None
        if run.state.final:
            self.store.close(run_id)
            return None
        return run


def read_message(text: str) -> Message:
    """The message as sent; raises InvalidInput where it is not one."""
    try:
        return msgspec.json.decode(text, type=Message)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"Not a run message: {error}.") from error
