"""What the app and a job's ranks tell each other about a run: small blobs, each written once, by one of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from shared.compute import Task
from shared.errors import Conflict, InvalidInput
from shared.storage import BlobInfo, BlobStore, retry_conflicts

CONTAINER = "compute"
"""The container of the control account."""


@dataclass(frozen=True, slots=True)
class Order:
    """What was submitted: which attempt at which tasks, and those of them that earlier attempts did."""

    attempt: int
    tasks: Sequence[Task]
    done: Sequence[str] = ()

    def levels(self) -> list[list[Task]]:
        """The tasks that are left, by how many others must come before; those of one level can run side by side.

        Raises InvalidInput where a task needs itself, or one that does not exist.
        """
        done, levels = set(self.done), list[list[Task]]()
        left = [task for task in self.tasks if task.id not in done]
        while left:
            ready = [task for task in left if done.issuperset(task.needs)]
            if not ready:
                raise InvalidInput(f"Task {left[0].id} needs what is never done.")
            levels.append(ready)
            done |= {task.id for task in ready}
            left = [task for task in left if task.id not in done]
        return levels

    def width(self) -> int:
        """How many tasks can run side by side at most."""
        return max(map(len, self.levels()), default=0)

    def share(self, rank: int, size: int) -> list[Task]:
        """The tasks of one of `size` ranks: every level is dealt out from rank 0 on. None waits for a later own one."""
        return [task for level in self.levels() for task in level[rank::size]]


@dataclass(frozen=True, slots=True)
class Head:
    """An order without its tasks."""

    attempt: int
    tasks: int
    done: int


@dataclass(frozen=True, slots=True)
class Marks:
    """The names of what was noted of one attempt, each with what is known of its blob."""

    blobs: dict[str, BlobInfo]

    def of(self, kind: str) -> list[str]:
        """The tasks with a mark of a kind, `done`, `failed`, or `spared`; those marked first come first,
        those of one second in the order of their names.

        A spared one has failed too, but is optional.
        """
        found = [(info.modified, name) for name, info in self.blobs.items() if name.startswith(f"{kind}/")]
        return [name.partition("/")[2] for _, name in sorted(found)]

    @property
    def stopped(self) -> bool:
        """Whether the attempt is to end, at somebody's word or because it could not go on."""
        return "stop" in self.blobs


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of one run."""

    store: BlobStore
    run: str

    def order(self) -> tuple[Order | None, str]:
        """The newest order and its ETag."""
        blob = self.store.get(f"{self.run}/order.json")
        return (msgspec.json.decode(blob.data, type=Order), blob.etag) if blob else (None, "")

    def head(self) -> Head | None:
        """The newest order in brief."""
        info = self.store.info(f"{self.run}/order.json")
        if info is None:
            return None
        return Head(*(int(info.metadata[name]) for name in ("attempt", "tasks", "done")))

    def take(self, attempt: int, tasks: Sequence[Task]) -> Order:
        """The order that counts, which is a new one where this attempt is newer than what was submitted before.

        Raises Overloaded where other instances are quicker again and again.
        """

        def attempt_to_submit() -> Order:
            held, etag = self.order()
            if held and held.attempt >= attempt:
                return held
            order = self._continued(Order(attempt, list(tasks)))
            facts = {"attempt": str(attempt), "tasks": str(len(order.tasks)), "done": str(len(order.done))}
            content = msgspec.json.encode(order)
            self.store.put(f"{self.run}/order.json", content, etag=etag or None, new=held is None, metadata=facts)
            return order

        return retry_conflicts(attempt_to_submit, f"What run {self.run} is to do")

    def _continued(self, order: Order) -> Order:
        """The order without what any earlier attempt did."""
        done = {name.rpartition("/done/")[2] for name in self._names() if "/done/" in name}
        return replace(order, done=[task.id for task in order.tasks if task.id in done])

    def complete(self, ended: Iterable[str]) -> bool:
        """Whether each task of the order has ended well, by name, in this attempt or before."""
        order, _ = self.order()
        return order is not None and {*order.done, *ended}.issuperset(task.id for task in order.tasks)

    def marks(self, attempt: int) -> Marks:
        """All that was noted of an attempt; one request for up to 5000 marks."""
        prefix = f"{self.run}/{attempt}/"
        return Marks({info.name.removeprefix(prefix): info for info in self.store.list(prefix)})

    def text(self, attempt: int, mark: str) -> str:
        """What a mark says."""
        blob = self.store.get(f"{self.run}/{attempt}/{mark}")
        return blob.data.decode() if blob else ""

    def mark(self, attempt: int, mark: str, text: str = "") -> None:
        """Note something; again replaces it."""
        self.store.put(f"{self.run}/{attempt}/{mark}", text.encode())

    def stop(self, attempt: int, reason: str = "") -> None:
        """Have an attempt end; `reason` where it could not go on. The first word counts."""
        try:
            self.store.put(f"{self.run}/{attempt}/stop", reason.encode(), new=True)
        except Conflict:
            return

    def _names(self) -> Iterator[str]:
        return (info.name for info in self.store.list(f"{self.run}/"))
