"""Runs move by messages: each once, none lost, whatever is doubled, dropped or interrupted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from shared.compute import Phase, Status, Task
from shared.errors import InvalidInput, NotFound, Transient
from shared.runs.driver import Driver, Message, read_message
from shared.runs.record import Run, State
from shared.runs.store import RunStore
from shared.storage import MemoryBlobs, MemoryQueue

START = datetime(2026, 1, 31, tzinfo=UTC)


@dataclass
class FakeCompute:
    """Executes at the test's word: a run is running until the test says what became of it."""

    seen: dict[str, Status] = field(default_factory=dict)
    submissions: list[tuple[str, int]] = field(default_factory=list)
    down: bool = False

    def submit(self, run_id: str, attempt: int, tasks: Sequence[Task]) -> None:
        self._reach()
        if (run_id, attempt) not in self.submissions:
            self.submissions.append((run_id, attempt))
            self.seen[run_id] = Status(Phase.RUNNING, len(tasks))

    def status(self, run_id: str, attempt: int = 1) -> Status:
        self._reach()
        if run_id not in self.seen:
            raise NotFound(run_id)
        return self.seen[run_id]

    def cancel(self, run_id: str) -> None:
        if run_id in self.seen and self.seen[run_id].phase is Phase.RUNNING:
            self.seen[run_id] = Status(Phase.CANCELLED)

    def log(self, run_id: str, task_id: str) -> str:
        raise NotFound(task_id)

    def _reach(self) -> None:
        if self.down:
            raise Transient("compute is down")


class OneTask:
    def plan(self, run_id: str, params: Mapping[str, str]) -> Sequence[Task]:
        if "bad" in params:
            raise InvalidInput("nothing to score")
        return [Task("only", "image", ("python", "-c", "pass"))]


class World:
    """A driver over memory, with a clock that the test moves."""

    def __init__(self) -> None:
        self.time = START
        self.queue, self.compute = MemoryQueue(), FakeCompute()
        self.store = RunStore(MemoryBlobs())
        self.driver = Driver(self.store, self.queue, {"one": OneTask()}, {"one": self.compute}, 5, lambda: self.time)

    def run(self, run_id: str = "r", **params: str) -> Run:
        return Run(id=run_id, workload="one", params=params, created=START, updated=START)

    def deliver(self) -> None:
        """Handle the oldest message, as the host does."""
        self.driver.move(read_message(self.queue.messages.pop(0)[0]))

    def state(self, run_id: str = "r") -> State:
        return self.store.load(run_id)[0].state


@pytest.fixture
def world() -> World:
    return World()


def test_a_run_is_submitted_watched_and_ends(world: World) -> None:
    world.driver.start(world.run())
    world.deliver()
    assert world.state() is State.RUNNING
    world.compute.seen["r"] = Status(Phase.SUCCEEDED, 1, 1)
    world.deliver()
    assert world.state() is State.SUCCEEDED
    assert world.queue.messages == []
    assert world.store.open_ids() == []


def test_the_same_cause_twice_is_one_run(world: World) -> None:
    assert world.driver.start(world.run())
    assert not world.driver.start(world.run())
    assert len(world.queue.messages) == 1


def test_the_same_message_twice_makes_one_move_and_one_next_message(world: World) -> None:
    world.driver.start(world.run())
    world.queue.messages *= 2
    world.deliver()
    world.deliver()
    assert len(world.queue.messages) == 1
    assert world.compute.submissions == [("r", 1)]


def test_a_run_whose_message_was_lost_is_swept_after_a_while_but_not_before(world: World) -> None:
    world.driver.start(world.run())
    world.queue.messages.clear()
    assert world.driver.sweep() == []
    world.time += timedelta(minutes=2)
    assert world.driver.sweep() == ["r"]
    world.deliver()
    assert world.state() is State.RUNNING


def test_a_run_that_cannot_be_planned_fails_with_the_reason(world: World) -> None:
    world.driver.start(world.run(bad="yes"))
    world.deliver()
    assert world.store.load("r")[0].reason == "nothing to score"


def test_a_poison_message_ends_its_run_with_the_last_error(world: World) -> None:
    world.driver.start(world.run())
    world.compute.down = True
    with pytest.raises(Transient):
        world.driver.move(Message("r", 0))
    world.driver.give_up(Message("r", 0))
    run = world.store.load("r")[0]
    assert run.state is State.FAILED
    assert run.reason == "Its message failed too often, at last because: compute is down"


def test_a_poison_message_of_a_run_that_recovered_does_no_harm(world: World) -> None:
    world.driver.start(world.run())
    world.deliver()
    world.driver.give_up(Message("r", 0))
    assert world.state() is State.RUNNING


def test_a_cancelled_run_stops_at_its_next_move(world: World) -> None:
    world.driver.start(world.run())
    world.deliver()
    world.driver.cancel("r")
    world.deliver()
    assert world.state() is State.CANCELLED


def test_a_run_cancelled_before_it_was_submitted_never_is(world: World) -> None:
    world.driver.start(world.run())
    world.driver.cancel("r")
    world.deliver()
    assert (world.state(), world.compute.submissions) == (State.CANCELLED, [])


def test_a_run_cancelled_while_it_is_being_submitted_is_stopped_on_compute_too(world: World) -> None:
    class Slow(FakeCompute):
        def submit(self, run_id: str, attempt: int, tasks: Sequence[Task]) -> None:
            super().submit(run_id, attempt, tasks)
            world.driver.cancel(run_id)

    compute = Slow()
    driver = replace(world.driver, computes={"one": compute})
    driver.start(world.run())
    while world.queue.messages:
        driver.move(read_message(world.queue.messages.pop(0)[0]))
    assert world.state() is State.CANCELLED
    assert compute.seen["r"].phase is Phase.CANCELLED


class Racing(MemoryBlobs):
    """A container in which somebody else changes every record once, just before it is written."""

    def put(self, name: str, data: bytes, *, etag: str | None = None, new: bool = False) -> str:
        if etag is not None and name not in self.raced:
            self.raced.add(name)
            super().put(name, self.blobs[name][0])
        return super().put(name, data, etag=etag, new=new)

    def __init__(self) -> None:
        super().__init__()
        self.raced: set[str] = set()


def test_a_persons_word_counts_even_if_the_run_moves_meanwhile(world: World) -> None:
    driver = replace(world.driver, store=RunStore(Racing()))
    driver.start(world.run())
    driver.cancel("r")
    assert driver.store.load("r")[0].cancelling


def test_a_failed_run_is_tried_again_as_a_new_attempt(world: World) -> None:
    world.driver.start(world.run())
    world.deliver()
    world.compute.seen["r"] = Status(Phase.FAILED, 1, 0, 1, "no memory")
    world.deliver()
    world.driver.retry("r")
    world.deliver()
    assert world.compute.submissions == [("r", 1), ("r", 2)]


def test_a_run_that_compute_forgot_is_submitted_again(world: World) -> None:
    world.driver.start(world.run())
    world.deliver()
    world.compute.seen.clear()
    world.compute.submissions.clear()
    world.deliver()
    assert world.compute.submissions == [("r", 1)]


def test_runs_changed_within_one_second_are_newest_first_too(world: World) -> None:
    for number in (2, 1, 3):
        moment = START + timedelta(milliseconds=number)
        world.store.create(Run(id=f"r{number}", workload="one", params={}, created=moment, updated=moment))
    assert [run.id for run in world.store.newest(10)] == ["r3", "r2", "r1"]


@pytest.mark.parametrize("text", ["", "{}", "null", '{"run": 3, "step": 0}', "\x00"])
def test_a_message_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_message(text)


@pytest.mark.parametrize("run_id", ["../secrets", "a/b", "", "x" * 65, "r.json"])
def test_an_id_that_no_run_can_have_names_no_run(world: World, run_id: str) -> None:
    with pytest.raises(NotFound):
        world.store.load(run_id)


class AnyDelivery(RuleBasedStateMachine):
    """Messages dropped, doubled, reordered; cancels and retries at any time."""

    messages = Bundle("messages")

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.driver.start(self.world.run())

    def _taken(self) -> list[Message]:
        taken = [msgspec.json.decode(text, type=Message) for text, _ in self.world.queue.messages]
        self.world.queue.messages.clear()
        return taken

    @rule(target=messages)
    def take(self):  # type: ignore[no-untyped-def]
        return multiple(*self._taken())

    @rule(message=messages)
    def deliver_and_keep(self, message: Message) -> None:
        self.world.driver.move(message)

    @rule(message=consumes(messages))
    def lose(self, message: Message) -> None:
        pass

    @rule(phase=st.sampled_from(Phase))
    def compute_goes_on(self, phase: Phase) -> None:
        if self.world.compute.seen.get("r", Status(Phase.FAILED)).phase is Phase.RUNNING:
            self.world.compute.seen["r"] = Status(phase, 1)

    @rule(verb=st.sampled_from(["cancel", "retry"]))
    def steer(self, verb: str) -> None:
        try:
            getattr(self.world.driver, verb)("r")
        except InvalidInput:
            pass

    @rule()
    def sweep(self) -> None:
        self.world.time += timedelta(minutes=5)
        self.world.driver.sweep()

    @invariant()
    def an_attempt_is_submitted_once(self) -> None:
        assert len(self.world.compute.submissions) == len(set(self.world.compute.submissions))

    @invariant()
    def an_open_run_is_marked_open(self) -> None:
        assert self.world.state().final or self.world.store.open_ids() == ["r"]

    def teardown(self) -> None:
        """Whatever happened: once compute ends and the sweep goes round, the run ends."""
        for _ in range(4):
            self.sweep()
            for message in self._taken():
                self.world.driver.move(message)
            self.compute_goes_on(Phase.SUCCEEDED)
        assert self.world.state().final


AnyDelivery.TestCase.settings = settings(max_examples=30, stateful_step_count=20)
TestAnyDelivery = AnyDelivery.TestCase
