"""The interpreter of autoscale formulas, by what Microsoft documents, and the pool's own formula, by its rules."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers.azure.batch.autoscale.evaluation import Targets, evaluate
from peers.azure.batch.autoscale.samples import PERIOD, Samples
from peers.azure.batch.autoscale.syntax import FormulaError, parse
from shared.compute.azure_batch.formula import Scale, formula

START = 1_750_000_000.0


def sampled(*pending: float, **others: float) -> Samples:
    """Samples every 30 s, the last one now."""
    samples = Samples()
    for number, tasks in enumerate(pending):
        values = {"$PendingTasks": tasks, "$ActiveTasks": tasks, "$PreemptedNodeCount": 0.0} | {
            f"${name}": value for name, value in others.items()
        }
        samples.take(START - PERIOD * (len(pending) - 1 - number), values)
    return samples


def asked(text: str, samples: Samples | None = None) -> Targets:
    return evaluate(text, samples or sampled(0.0), START, {"$TargetDedicatedNodes": 1.0})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3 - -1", 10),
        ("7 / 2", 3),
        ("2 > 1 && !(1 == 2) ? 5 : 6", 5),
        ("1 < 0 ? 1 : 0 < 1 ? 2 : 3", 2),
        ("max(1, min(9, 4))", 4),
        ("avg($PendingTasks.GetSample(TimeInterval_Minute * 2))", 25),
        ("len($PendingTasks.GetSample(100))", 4),
        ("max(0, $PendingTasks.GetSample(1))", 40),
        ("val($PendingTasks.GetSample(2), 1)", 30),
        ("$PendingTasks.GetSamplePercent(TimeInterval_Minute * 4)", 50),
        ("$PendingTasks.GetSamplePeriod() / TimeInterval_Second", 30),
        ('time() > time("2016-09-01T12:00:00Z") ? 1 : 2', 1),
        ("ceil(2.1) + floor(2.9) + round(2.5) + abs(-1)", 9),
        ("sum(1, 2, 3) // what follows is a comment", 6),
        ("$TargetDedicatedNodes + 1", 2),
    ],
)
def test_an_expression_is_worth_what_the_documentation_says(expression: str, value: int) -> None:
    assert asked(f"$TargetDedicatedNodes = {expression};", sampled(10, 20, 30, 40)).dedicated == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("$TargetDedicatedNodes = nothing;", "Line 1, Col 25: Undefined symbol: nothing"),
        ("$TargetDedicatedNodes = 1 +;", "Unexpected"),
        ("$TargetDedicatedNodes = (1;", "Expected"),
        ("$TargetDedicatedNodes 1;", "Expected '='"),
        ("1 = 2;", "not with a variable"),
        ("a = 1 / 0;", "division by zero"),
        ("a = what(1);", "what"),
        ("a = $Unknown.GetSample(1);", "no samples"),
        ("a = $PendingTasks.GetSample(3 * TimeInterval_Second) + 1 + ;", "Unexpected"),
        ("a = #;", "Unexpected '#'"),
        ("$NodeDeallocationOption = never;", "Undefined symbol: never"),
        ("a = 1;" * 101, "100 is the limit"),
        ("a = 1; " + " " * 9000, "8192 is the limit"),
    ],
)
def test_what_is_no_formula_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(FormulaError, match=re.escape(reason)):
        asked(text)


@given(st.text(max_size=60))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    try:
        parse(text)
    except FormulaError:
        pass


@given(
    pending=st.lists(st.integers(0, 10_000), min_size=1, max_size=40),
    most=st.integers(1, 100),
    tasks=st.integers(1, 16),
    spot=st.booleans(),
    warm=st.sampled_from([0, 600, 3600]),
    lost=st.integers(0, 5),
)
def test_the_pools_formula_asks_for_enough_nodes_and_never_too_many(
    pending: list[int], most: int, tasks: int, spot: bool, warm: int, lost: int
) -> None:
    samples = sampled(*map(float, pending), PreemptedNodeCount=float(lost))
    targets = asked(formula(Scale(most, tasks, spot, warm)), samples)
    nodes = (targets.dedicated or 0) + (targets.low_priority or 0)
    assert nodes <= most
    assert nodes >= min(most, -(-pending[-1] // tasks))
    assert targets.deallocation == "taskcompletion"
    if not any(pending):
        assert nodes == 0
    if spot:
        assert (targets.dedicated or 0) <= lost
    else:
        assert targets.low_priority is None


def test_the_pool_is_empty_three_minutes_after_the_last_task() -> None:
    text = formula(Scale(10))
    assert asked(text, sampled(*[8.0] * 10, 0.0, 0.0)).dedicated == 5
    assert asked(text, sampled(*[8.0] * 10, *[0.0] * 6)).dedicated == 0


def test_a_warm_pool_keeps_one_node_for_as_long_as_it_is_told() -> None:
    text = formula(Scale(10, warm_seconds=3600))
    assert asked(text, sampled(8.0, *[0.0] * 100)).dedicated == 1
    assert asked(text, sampled(8.0, *[0.0] * 130)).dedicated == 0


def test_few_samples_do_not_hide_tasks_that_have_just_come() -> None:
    assert asked(formula(Scale(10)), sampled(4.0)).dedicated == 4


def test_spot_nodes_that_were_taken_away_are_replaced_by_dedicated_ones() -> None:
    targets = asked(formula(Scale(10, spot=True)), sampled(*[6.0] * 8, PreemptedNodeCount=2.0))
    assert (targets.dedicated, targets.low_priority) == (2, 4)
