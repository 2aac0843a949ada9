"""The model that answers is read once, exchanged under load, and kept when its successor cannot be used."""

from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.errors import BundleError, Transient
from shared.serving.batching import Limits
from shared.serving.model import RealTimeModel
from shared.serving.served import Health, Served


class Numbers(RealTimeModel[int, int, int]):
    """Serves models that multiply by their version."""

    name = "numbers"
    registry = load = inputs = outputs = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.current = 1
        self.loads: list[int] = []
        self.away = False

    def wanted(self) -> Hashable:
        if self.away:
            raise Transient("Storage does not answer.")
        return self.current

    def read(self, wanted: Hashable, before: int | None) -> tuple[str, int]:
        assert isinstance(wanted, int)
        self.loads.append(wanted)
        if wanted > 100:
            raise BundleError(f"Bundle {wanted} is damaged.")
        return str(wanted), wanted

    def problem(self, model: int) -> str:
        return "odd" if model == 7 else ""

    def score(self, model: int, items: Sequence[int]) -> Sequence[int]:
        return [model * item for item in items]


class Clock:
    """Stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


@pytest.fixture
def served(numbers: Numbers) -> Served[int, int, int]:
    return Served(numbers, Limits(), 5, clock=Clock())


def ask(served: Served[int, int, int], item: int) -> int:
    with served.loaded().batcher.enter() as submit:
        return submit(item).result(30)


def test_a_model_is_read_once_however_many_ask_first(numbers: Numbers, served: Served[int, int, int]) -> None:
    with ThreadPoolExecutor(8) as clients:
        assert set(clients.map(lambda _: ask(served, 7), range(50))) == {7}
    assert numbers.loads == [1]


def test_what_becomes_current_answers_from_the_next_look_on(numbers: Numbers, served: Served[int, int, int]) -> None:
    assert ask(served, 7) == 7
    numbers.current = 2
    assert ask(served, 7) == 7
    served.look()
    assert ask(served, 7) == 14
    assert served.health() == Health("numbers", "2", "")


def test_it_looks_by_itself_after_some_seconds(numbers: Numbers) -> None:
    clock = Clock()
    served = Served(numbers, Limits(), 5, clock=clock)
    assert ask(served, 7) == 7
    numbers.current = 2
    clock.now = 5
    while ask(served, 7) == 7:
        pass
    assert numbers.loads == [1, 2]


def test_exchanging_the_model_loses_no_request(numbers: Numbers, served: Served[int, int, int]) -> None:
    def answer(number: int) -> bool:
        if number % 20 == 0:
            numbers.current += 1
            served.look()
        found, rest = divmod(ask(served, 7), 7)
        return rest == 0 and 1 <= found <= numbers.current

    with ThreadPoolExecutor(16) as clients:
        assert all(clients.map(answer, range(600)))


def test_a_damaged_successor_is_refused_once_and_the_old_model_goes_on(
    numbers: Numbers, served: Served[int, int, int]
) -> None:
    ask(served, 7)
    numbers.current = 101
    served.look()
    served.look()
    assert ask(served, 7) == 7
    assert served.health() == Health("numbers", "1", "Bundle 101 is damaged.")
    assert numbers.loads == [1, 101]
    numbers.current = 3
    served.look()
    assert served.health() == Health("numbers", "3", "")


def test_going_back_to_the_model_that_answers_ends_the_problem(numbers: Numbers, served: Served[int, int, int]) -> None:
    ask(served, 7)
    numbers.current = 101
    served.look()
    numbers.current = 1
    served.look()
    assert served.health() == Health("numbers", "1", "")


def test_without_storage_the_model_goes_on_and_says_what_is_missing(
    numbers: Numbers, served: Served[int, int, int]
) -> None:
    ask(served, 7)
    numbers.away = True
    served.look()
    assert ask(served, 7) == 7
    assert served.health() == Health("numbers", "1", "Storage does not answer.")
    numbers.away = False
    served.look()
    assert served.health().problem == ""


def test_before_there_is_a_model_every_caller_hears_why_and_it_is_tried_now_and_then(numbers: Numbers) -> None:
    clock = Clock()
    served = Served(numbers, Limits(), 5, clock=clock)
    numbers.current = 101
    for _ in range(3):
        with pytest.raises(BundleError, match="101 is damaged"):
            served.loaded()
    assert served.health() == Health("numbers", "", "Bundle 101 is damaged.")
    assert numbers.loads == [101]
    numbers.current, clock.now = 1, 5
    assert served.health() == Health("numbers", "1", "")
