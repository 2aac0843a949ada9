"""How ranks share an order, by properties; and what a rank does, with notes in memory and real task processes."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.compute import Task
from shared.compute.azure_ml import rank
from shared.compute.azure_ml.notes import Notes, Order
from shared.compute.azure_ml.rank import Share
from shared.compute.ranks import rank_and_size
from shared.errors import InvalidInput
from shared.storage import MemoryBlobs
from tests.compute.implementations import script


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Tasks that need earlier ones, in any order, some done before."""
    count = draw(st.integers(1, 12))
    needs = [draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set() for number in range(count)]
    tasks = [script(f"t{number}", "pass", *(f"t{need}" for need in needs[number])) for number in range(count)]
    done = draw(st.sets(st.sampled_from([task.id for task in tasks])))
    return Order(2, draw(st.permutations(tasks)), sorted(done))


@given(orders(), st.integers(1, 5))
def test_every_task_is_one_ranks_and_no_rank_waits_for_ever(order: Order, size: int) -> None:
    shares = [order.share(rank, size) for rank in range(size)]
    ids = sorted(task.id for share in shares for task in share)
    assert ids == sorted(task.id for task in order.tasks if task.id not in order.done)
    done = set(order.done)
    while any(shares):
        ready = [share for share in shares if share and done.issuperset(share[0].needs)]
        assert ready
        done |= {share.pop(0).id for share in ready}


@given(orders())
def test_a_level_is_dealt_out_evenly(order: Order) -> None:
    sizes = [len(order.share(rank, 3)) for rank in range(3)]
    assert sizes == sorted(sizes, reverse=True)
    assert order.width() <= len(order.tasks)


def test_a_task_that_waits_for_itself_is_refused() -> None:
    with pytest.raises(InvalidInput, match="needs what is never done"):
        Order(1, [script("a", "pass", "b"), script("b", "pass", "a")]).width()


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4"}, (2, 4)),
        ({"PMI_RANK": "0", "PMI_SIZE": "3"}, (0, 3)),
        ({"RANK": "1", "WORLD_SIZE": "2"}, (1, 2)),
        ({"RANK": "1"}, (0, 1)),
    ],
)
def test_rank_and_size_come_from_what_started_the_process(env: dict[str, str], expected: tuple[int, int]) -> None:
    assert rank_and_size(env) == expected


@pytest.fixture
def notes() -> Notes:
    return Notes(MemoryBlobs(), "run")


def share(notes: Notes, folder: Path, number: int = 0, size: int = 1) -> Share:
    order, _ = notes.order()
    assert order is not None
    place = folder / str(number)
    place.mkdir(parents=True)
    return Share(notes, notes.store, order, number, size, place)


def both(notes: Notes, folder: Path) -> list[int]:
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(lambda number: share(notes, folder, number, 2).run(), range(2)))


def test_ranks_wait_for_each_others_tasks(notes: Notes, tmp_path: Path) -> None:
    file = tmp_path / "order"
    write = f"open({str(file)!r}, 'a').write({{!r}})"
    tasks = [script("a", write.format("a")), script("b", write.format("b")), script("c", write.format("c"), "a", "b")]
    notes.take(1, tasks)
    assert both(notes, tmp_path) == [0, 0]
    assert sorted(file.read_text()[:2]) == ["a", "b"]
    assert file.read_text()[2:] == "c"


def test_a_task_in_work_ends_before_another_ranks_failure_ends_the_job(notes: Notes, tmp_path: Path) -> None:
    slow = script("slow", "import time; time.sleep(1)")
    notes.take(1, [script("bad", "raise SystemExit('no')", retries=0), slow, script("never", "pass", "slow")])
    assert both(notes, tmp_path) == [1, 0]
    marks = notes.marks(1)
    assert marks.of("done") == ["slow"]
    assert notes.text(1, "failed/bad") == "Task bad failed 1 times, last with exit code 1: no"


def test_a_rank_started_anew_does_what_is_left(notes: Notes, tmp_path: Path) -> None:
    notes.take(1, [script("a", "raise SystemExit('again')"), script("b", "pass", "a")])
    notes.mark(1, "done/a")
    assert share(notes, tmp_path).run() == 0
    assert notes.marks(1).of("done") == ["a", "b"]


def test_a_rank_of_a_stopped_run_does_nothing(notes: Notes, tmp_path: Path) -> None:
    notes.take(1, [script("a", "raise SystemExit('no')")])
    notes.stop(1)
    assert share(notes, tmp_path).run() == 0
    assert notes.marks(1).of("failed") == []


def test_a_task_in_work_is_ended_with_its_run(notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank, "KEEP_SECONDS", 0.05)
    notes.take(1, [script("a", "import time; time.sleep(600)"), script("b", "pass")])
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(share(notes, tmp_path).run)
        while not notes.store.get("run/a.1.stdout.txt"):
            assert not running.done()
        notes.stop(1)
        assert running.result() == 0
    assert (notes.marks(1).of("failed"), notes.marks(1).of("done")) == ([], [])


def test_what_a_running_task_wrote_so_far_is_kept(
    notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank, "KEEP_SECONDS", 0.1)
    flag, log = tmp_path / "flag", "run/a.1.stdout.txt"
    code = f"import os, time; print('so far', flush=True)\nwhile not os.path.exists({str(flag)!r}): time.sleep(0.05)"
    notes.take(1, [script("a", code)])
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(share(notes, tmp_path).run)
        while (blob := notes.store.get(log)) is None or blob.data != b"so far\n":
            assert not running.done()
        flag.touch()
        assert running.result() == 0


def test_an_attempt_that_is_not_wanted_any_more_does_nothing(
    notes: Notes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notes.take(2, [script("a", "pass")])
    storage = SimpleNamespace(control=lambda name: notes.store)
    monkeypatch.setattr(rank, "Storage", SimpleNamespace(from_settings=lambda settings: storage))
    assert rank.execute({rank.RUN: "run", rank.ATTEMPT: "1"}) == 1
    assert "Attempt 1 of run run is not wanted any more." in capsys.readouterr().err


def test_two_that_take_an_attempt_at_once_get_the_same_order(notes: Notes) -> None:
    with ThreadPoolExecutor(4) as threads:
        orders = list(threads.map(lambda number: notes.take(1, [script(f"t{number}", "pass")]), range(4)))
    assert len({order.tasks[0].id for order in orders}) == 1
    head = notes.head()
    assert head is not None
    assert (head.attempt, head.tasks, head.done) == (1, 1, 0)


def test_a_newer_attempt_leaves_out_what_was_done(notes: Notes) -> None:
    tasks = [script("a", "pass"), script("b", "pass", "a")]
    notes.take(1, tasks)
    notes.mark(1, "done/a")
    order = notes.take(2, tasks)
    assert (list(order.done), [task.id for task in order.share(0, 1)]) == (["a"], ["b"])
    notes.mark(2, "done/b")
    assert notes.take(3, tasks).width() == 0


def test_a_task_needs_no_more_room_than_a_process_has(notes: Notes, tmp_path: Path) -> None:
    needs = [f"score-{number:05d}-of-10000" for number in range(10_000)]
    order = Order(1, [Task("merge", "anomaly", (sys.executable, "-c", "pass"), tuple(needs))], needs)
    place = tmp_path / "0"
    place.mkdir()
    assert Share(notes, notes.store, order, 0, 1, place).run() == 0
    assert notes.marks(1).of("done") == ["merge"]
