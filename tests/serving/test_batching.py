"""Requests that come together share a call, in order, within bounds, and none spoils another's answer."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest

from shared.errors import InvalidInput, Overloaded, TooManyRequests
from shared.serving.batching import Batcher, Limits


class Model:
    """Doubles numbers, when it is let; remembers the calls."""

    def __init__(self) -> None:
        self.go, self.called = Event(), Event()
        self.calls: list[list[int]] = []

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.calls.append(list(numbers))
        self.called.set()
        assert self.go.wait(30)
        if 13 in numbers:
            raise ValueError("thirteen")
        return [2 * number for number in numbers]


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()
    yield model
    model.go.set()


def ask(batcher: Batcher[int, int], number: int) -> int:
    with batcher.enter() as submit:
        return submit(number).result(30)


def start_busy(batcher: Batcher[int, int], model: Model, stack: ExitStack) -> Future[int]:
    """Have the model busy with a first item."""
    future = stack.enter_context(batcher.enter())(1)
    assert model.called.wait(30)
    return future


def test_what_comes_while_the_model_is_busy_shares_its_next_call(model: Model) -> None:
    batcher = Batcher(model, Limits(batch=3, inside=10))
    with ExitStack() as stack:
        futures = [start_busy(batcher, model, stack)]
        futures += [stack.enter_context(batcher.enter())(number) for number in (2, 3, 4, 5)]
        model.go.set()
        assert [future.result(30) for future in futures] == [2, 4, 6, 8, 10]
    assert model.calls == [[1], [2, 3, 4], [5]]


def test_a_call_waits_for_those_who_have_entered(model: Model) -> None:
    model.go.set()
    batcher = Batcher(model, Limits(wait_seconds=30))
    with batcher.enter() as first, batcher.enter() as second:
        futures = [first(1), second(2)]
        assert [future.result(30) for future in futures] == [2, 4]
    assert model.calls == [[1, 2]]


def test_it_does_not_wait_for_one_that_leaves_without_an_item(model: Model) -> None:
    model.go.set()
    batcher = Batcher(model, Limits(wait_seconds=3600))
    with batcher.enter() as first:
        with batcher.enter():
            future = first(1)
        assert future.result(30) == 2


def test_a_thousand_requests_each_get_their_own_answer(model: Model) -> None:
    model.go.set()
    batcher = Batcher(model, Limits(batch=7, inside=64))
    with ThreadPoolExecutor(32) as clients:
        numbers = range(100, 1100)
        assert list(clients.map(lambda number: ask(batcher, number), numbers)) == [2 * n for n in numbers]
    assert batcher.inside == 0


def test_an_item_that_cannot_be_scored_spoils_no_other(model: Model) -> None:
    batcher = Batcher(model, Limits())
    with ExitStack() as stack:
        start_busy(batcher, model, stack)
        futures = [stack.enter_context(batcher.enter())(number) for number in (12, 13, 14)]
        model.go.set()
        assert (futures[0].result(30), futures[2].result(30)) == (24, 28)
        with pytest.raises(ValueError, match="thirteen"):
            futures[1].result(30)


def test_a_model_that_gives_too_few_outputs_keeps_nobody_waiting() -> None:
    batcher: Batcher[int, int] = Batcher(lambda numbers: [], Limits())
    for _ in range(2):
        with pytest.raises(ValueError, match="shorter"):
            ask(batcher, 1)


def test_more_than_may_wait_are_turned_away_at_once(model: Model) -> None:
    batcher = Batcher(model, Limits(inside=2))
    with batcher.enter(), batcher.enter(), pytest.raises(Overloaded), batcher.enter():
        pass
    with batcher.enter(2):
        pass


def test_one_caller_gets_half_of_the_places(model: Model) -> None:
    batcher = Batcher(model, Limits(inside=4))
    with batcher.enter(2, "a"):
        with pytest.raises(TooManyRequests), batcher.enter(1, "a"):
            pass
        with batcher.enter(2, "b"):
            pass


def test_more_items_than_there_are_places_can_never_be_asked(model: Model) -> None:
    with pytest.raises(InvalidInput, match="at most 4"), Batcher(model, Limits(inside=4)).enter(5):
        pass


def test_an_item_nobody_waits_for_any_more_is_not_scored(model: Model) -> None:
    batcher = Batcher(model, Limits())
    with ExitStack() as stack:
        start_busy(batcher, model, stack)
        left, stays = (stack.enter_context(batcher.enter())(number) for number in (2, 3))
        assert left.cancel()
        model.go.set()
        assert stays.result(30) == 6
    assert model.calls == [[1], [3]]


def test_a_closed_one_still_answers_those_inside(model: Model) -> None:
    model.go.set()
    batcher = Batcher(model, Limits())
    with batcher.enter() as submit:
        batcher.close()
        assert submit(4).result(30) == 8


def test_a_closed_one_still_answers_who_comes_late(model: Model) -> None:
    model.go.set()
    batcher = Batcher(model, Limits())
    assert ask(batcher, 1) == 2
    batcher.close()
    assert [ask(batcher, 2), ask(batcher, 3)] == [4, 6]
