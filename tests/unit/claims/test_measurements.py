"""Ratios and spreads, from samples that were taken by turns."""

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from minetlab.claims.measurements import Environment, Sample, Series
from tests.support.measured import costs, series


def sample(environment: Environment, turn: int, microseconds: float) -> Sample:
    return Sample(environment=environment, load="kernel", turn=turn, microseconds=microseconds)


def test_ratios_are_taken_turn_by_turn() -> None:
    """What disturbs one turn disturbs both of its measurements, and leaves their ratio alone."""
    calm, disturbed = 1.0, 50.0
    costs: dict[Environment, float] = {"native": 2.0, "guest": 3.0}
    samples = [
        sample(name, turn, weather * cost)
        for turn, weather in enumerate((calm, disturbed, calm))
        for name, cost in costs.items()
    ]
    measured = Series(host="hv1", boots={}, samples=tuple(samples))
    ratio = measured.ratio("guest", "kernel")
    assert (ratio.low, ratio.median, ratio.high) == (1.5, 1.5, 1.5)
    assert measured.environments == ("native", "guest")
    assert measured.time("guest", "kernel").median == 3.0


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=9))
def test_a_spread_is_in_order_and_within_what_was_measured(times: list[float]) -> None:
    measured = Series(
        host="hv1", boots={}, samples=tuple(sample("native", turn, each) for turn, each in enumerate(times))
    )
    spread = measured.time("native", "kernel")
    assert min(times) <= spread.low <= spread.median <= spread.high <= max(times)
    assert measured.ratio("native", "kernel").median == pytest.approx(1)


def test_it_survives_the_way_to_the_report() -> None:
    whole = series("hv1", guest=1.1, **{"emulated PC": 20.0})
    assert Series.model_validate_json(whole.model_dump_json()) == whole


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), 0.0, 1e-300, -1.0, 1e300])
def test_a_figure_that_cannot_be_plotted_is_no_measurement(figure: float) -> None:
    with pytest.raises(ValidationError, match="microseconds"):
        sample("guest", 0, figure)
    with pytest.raises(ValidationError, match="seconds"):
        costs(seconds=figure)


@pytest.mark.parametrize("size", [-1, 10**400])
def test_a_size_that_no_disk_has_is_no_measurement(size: int) -> None:
    with pytest.raises(ValidationError, match="memory"):
        costs(memory=size)
