"""The report's plots and tables, from measurements of which it is known what they show."""

import re

import pytest
from lxml import etree

from minetlab.report.figures import (
    EMULATED_GUEST,
    ENVIRONMENTS,
    cost_plot,
    cost_table,
    figures,
    ratio_plot,
    time_table,
)
from tests.support.measured import costs, series

SVG = "{http://www.w3.org/2000/svg}"
ON_HV1 = series("hv1", guest=1.25, **{"emulated PC": 250.0})


def texts(svg: str) -> list[str]:
    return [
        "".join(map(str, each.itertext())).strip()
        for each in etree.fromstring(svg.encode()).iter(f"{SVG}text")
    ]


def test_a_plot_says_each_ratio_and_names_each_environment_but_the_native_one() -> None:
    said = texts(ratio_plot(ON_HV1).svg)
    assert said.count("× 1,25") == said.count("× 250") == 3
    assert {ENVIRONMENTS["guest"], ENVIRONMENTS["emulated PC"]} <= set(said)
    assert ENVIRONMENTS["native"] not in said


def test_a_plot_can_be_read_aloud() -> None:
    figure = ratio_plot(ON_HV1)
    assert "hv1" in figure.title
    assert figure.text.count("× 250") == 3


def test_the_same_measurements_make_the_same_bytes() -> None:
    assert ratio_plot(ON_HV1).svg == ratio_plot(ON_HV1).svg
    assert not re.search(r"<dc:date>", ratio_plot(ON_HV1).svg)


def test_a_guest_that_is_emulated_is_not_called_kvm() -> None:
    emulated = ON_HV1.model_copy(update={"emulated_guest": True})
    assert EMULATED_GUEST in texts(ratio_plot(emulated).svg)
    assert [row[0] for row in time_table(emulated).rows] == [
        ENVIRONMENTS["native"],
        EMULATED_GUEST,
        "PC émulé (TCG)",
    ]


def test_figures_are_rounded_to_what_matters_and_have_their_unit() -> None:
    guest, container = cost_table(costs(seconds=123.456)).rows
    assert guest == ("VM minet-alice", "123 s", "400 Mio", "90 Mio", "200 Mio")
    assert container == ("container minet-alice-emulation", "0,6 s", "8 Mio", "0,00391 Mio", "300 Mio")
    assert {"123", "0,6", "400", "8"} <= set(texts(cost_plot(costs(seconds=123.456)).svg))


def test_everything_that_was_measured_is_shown() -> None:
    plots, tables = figures([ON_HV1, costs(), series("ct1", container=1.1)])
    assert len(plots) == len(tables) == 3
    for plot in plots:
        etree.fromstring(plot.svg.encode())


@pytest.mark.parametrize("ratio", [1e-7, 3e10])
def test_figures_that_no_machine_has_are_plotted_all_the_same(ratio: float) -> None:
    plots, tables = figures([series("hv1", guest=ratio), costs(seconds=9e11, memory=2**60 - 1)])
    for plot in plots:
        etree.fromstring(plot.svg.encode())
    assert len(tables) == 2
