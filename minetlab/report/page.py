"""The report: one HTML page that needs no network, to be projected, printed, or read in a hurry."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from minetlab.claims.claims import Claim
from minetlab.claims.evidence import ClaimEvidence, Evidence, Verdict, by_machine, findings, worst
from minetlab.report import words
from minetlab.report.output import readable
from minetlab.report.picture import svg
from minetlab.report.topology import PlacedHost, Topology
from minetlab.util.render import render


@dataclass(frozen=True)
class About:
    """Where a report comes from.

    :param revision: of the project; empty: unknown.
    :param tools: on the machine that the report was made on, by name: their versions.
    :param hosts: the same of each host.
    """

    date: datetime
    revision: str
    tools: Mapping[str, str]
    hosts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plot:
    """A plot.

    :param svg: a whole SVG document.
    :param text: what it shows, for those who cannot see it.
    """

    title: str
    text: str
    svg: str

    @property
    def source(self) -> str:
        """The plot as an image of its own: the names and styles in it meet no others on the page."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"


@dataclass(frozen=True)
class MeasuredTable:
    """Figures that were measured; the first column names the rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Cell:
    """What a host and the machines on it show of a claim.

    :param word: the worst verdict; None: there is nothing to look for on them.
    :param good: how many demonstrate it, ``of`` those it was looked for on.
    """

    word: words.Word | None
    good: int
    of: int


class Matrix(NamedTuple):
    """A host's machines, and their verdicts on every claim that was looked for there."""

    host: PlacedHost
    claims: list[Claim]
    rows: list[tuple[str, list[words.Word | None]]]


@dataclass(frozen=True)
class Proofs:
    """A claim's evidence on one machine."""

    machine: str
    word: words.Word
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Chapter:
    """A claim, and all that is known of it.

    :param cells: one a host.
    :param shown: the worst first: every violation, and one machine of each other verdict.
    :param folded: the other machines.
    """

    claim: Claim
    word: words.Word
    cells: tuple[Cell, ...]
    shown: tuple[Proofs, ...]
    folded: tuple[Proofs, ...]


def page(
    about: About,
    evidence: Sequence[Evidence],
    topology: Topology,
    figures: Sequence[Plot] = (),
    tables: Sequence[MeasuredTable] = (),
) -> str:
    """The report's page.

    :param evidence: of a verification, in the order in which the checks were run.
    :param figures: of measurements, as are the ``tables``.
    """
    found = findings(evidence)
    chapters = [_chapter(finding, topology.hosts) for finding in found]
    return render(
        "report/report.html.j2",
        about=about,
        lab=topology.lab,
        topology=topology,
        chapters=chapters,
        matrices=[_matrix(host, found) for host in topology.hosts],
        totals=[(word, sum(chapter.word is word for chapter in chapters)) for word in words.WORDS.values()],
        silent=_silent(evidence),
        violations=_violations(evidence),
        picture=Markup(svg(topology, by_machine(evidence))),  # noqa: S704 (its own template escapes it)
        figures=figures,
        tables=tables,
        words=words,
        readable=readable,
    )


def _chapter(finding: ClaimEvidence, hosts: Sequence[PlacedHost]) -> Chapter:
    proofs = [_proofs(finding, machine) for machine in finding.machines]
    order = list(words.WORDS.values())
    proofs.sort(key=lambda each: order.index(each.word))
    examples = {each.word.style: each for each in reversed(proofs)}.values()
    shown = [each for each in proofs if each.word is words.WORDS["violated"] or each in examples]
    return Chapter(
        finding.claim,
        words.WORDS[finding.verdict or "not checked"],
        tuple(_cell(finding, host) for host in hosts),
        tuple(shown),
        tuple(each for each in proofs if each not in shown),
    )


def _proofs(finding: ClaimEvidence, machine: str) -> Proofs:
    evidence = [each for each in finding.evidence if each.machine == machine]
    evidence.sort(key=lambda each: list(words.WORDS).index(each.verdict))
    return Proofs(machine, words.WORDS[finding.of(machine) or "not checked"], tuple(evidence))


def _cell(finding: ClaimEvidence, host: PlacedHost) -> Cell:
    verdicts = [verdict for name in _names(host) if (verdict := finding.of(name))]
    found = worst(verdicts)
    return Cell(words.WORDS[found] if found else None, verdicts.count("demonstrated"), len(verdicts))


def _matrix(host: PlacedHost, found: Sequence[ClaimEvidence]) -> Matrix:
    names = _names(host)
    looked_at = [finding for finding in found if any(map(finding.of, names))]
    rows = [(name, [_shown(finding.of(name)) for finding in looked_at]) for name in names]
    return Matrix(host, [finding.claim for finding in looked_at], rows)


def _names(host: PlacedHost) -> list[str]:
    return [host.name, *(machine.name for machine in host.machines)]


def _shown(verdict: Verdict | None) -> words.Word | None:
    return words.WORDS[verdict] if verdict else None


def _silent(evidence: Sequence[Evidence]) -> dict[str, list[str]]:
    """Why machines were not checked, to the machines. What is said first is why; the rest only follows."""
    reasons: dict[str, str] = {}
    for each in evidence:
        if each.verdict == "not checked":
            reasons.setdefault(each.machine, each.reason)
    machines: dict[str, list[str]] = {}
    for machine, reason in reasons.items():
        machines.setdefault(reason, []).append(machine)
    return machines


def _violations(evidence: Sequence[Evidence]) -> dict[tuple[str | None, str], list[Evidence]]:
    """Claim and check, to all that is wrong there."""
    found: dict[tuple[str | None, str], list[Evidence]] = {}
    for each in evidence:
        if each.verdict == "violated":
            found.setdefault((each.claim, each.check), []).append(each)
    return found
