"""The report: an HTML page that needs no other files and no network."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from minetlab.claims.claims import Claim
from minetlab.claims.evidence import ClaimEvidence, Evidence, evidence_by_claim, verdict_by_machine, worst
from minetlab.report import words
from minetlab.report.output import readable
from minetlab.report.picture import svg
from minetlab.report.topology import PlacedHost, Topology
from minetlab.util.render import render


@dataclass(frozen=True)
class About:
    """What a report says of itself: when it was made, and with what.

    :param date: date and time of the verification.
    :param revision: revision of the project; empty: unknown.
    :param tools: versions of the tools on the machine that made the report, by name.
    :param hosts: versions of the software on each host: alias, to name of the software, to version.
    """

    date: datetime
    revision: str
    tools: Mapping[str, str]
    hosts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plot:
    """A plot.

    :param title: its caption.
    :param text: what it shows, for readers who cannot see it.
    :param svg: the SVG document.
    """

    title: str
    text: str
    svg: str

    @property
    def source(self) -> str:
        """The plot as a URL with the image itself, so that names and styles in it do not affect the page."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"


@dataclass(frozen=True)
class ReachedSite:
    """The TP site on a host.

    :param url: its address.
    :param by_lab: whether the fingerprint is that of the lab's CA; otherwise that of the site's certificate.
    :param fingerprint: the SHA-256 by which the site is known.
    """

    url: str
    by_lab: bool
    fingerprint: str


@dataclass(frozen=True)
class MeasuredTable:
    """A table of figures that were measured.

    :param title: its caption.
    :param columns: names of the columns.
    :param rows: the cells of each row; the first names the row.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Cell:
    """What a host and the machines on it show of a claim.

    :param word: their worst verdict; None: the claim was not checked on any of them.
    :param good: how many of them demonstrate the claim.
    :param of: on how many of them it was checked.
    """

    word: words.Word | None
    good: int
    of: int


class Matrix(NamedTuple):
    """The verdicts of a host and the machines on it, on all claims that were checked there.

    :param host: the host.
    :param claims: the claims, one for each column.
    :param rows: the machines' names, each with its verdicts; None: the claim was not checked on that machine.
    """

    host: PlacedHost
    claims: list[Claim]
    rows: list[tuple[str, list[words.Word | None]]]


@dataclass(frozen=True)
class Proofs:
    """The evidence for a claim on one machine.

    :param machine: alias of the machine.
    :param word: the verdict.
    :param evidence: the evidence, the worst first.
    """

    machine: str
    word: words.Word
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Chapter:
    """The part of the page about one claim.

    :param claim: the claim.
    :param word: its verdict.
    :param cells: what each host shows of it.
    :param shown: machines to show, the worst first: all that violate it, and one for each other verdict.
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
    *,
    sites: Sequence[ReachedSite] = (),
) -> str:
    """Make the report.

    :param about: what the report says of itself.
    :param evidence: what the verification found, in the order in which the checks were run.
    :param topology: the lab that was verified.
    :param figures: plots of measurements.
    :param tables: tables of measurements.
    :param sites: the TP site on each host that serves it.
    :return: the HTML document.
    :raises ValueError: a check names a claim that the course does not make.
    """
    claims = evidence_by_claim(evidence)
    chapters = [_chapter(claim, topology.hosts) for claim in claims]
    return render(
        "report/report.html.j2",
        about=about,
        lab=topology.lab,
        topology=topology,
        chapters=chapters,
        matrices=[_matrix(host, claims) for host in topology.hosts],
        totals=[
            (word, sum(chapter.word is word for chapter in chapters)) for word in words.VERDICT_WORDS.values()
        ],
        silent=_unreachable(evidence),
        violations=_violations(evidence),
        picture=Markup(svg(topology, verdict_by_machine(evidence))),  # noqa: S704 (its own template escapes it)
        figures=figures,
        tables=tables,
        sites=sites,
        words=words,
        readable=readable,
    )


def _chapter(claim: ClaimEvidence, hosts: Sequence[PlacedHost]) -> Chapter:
    proofs = [_proofs(claim, machine) for machine in claim.machines]
    order = list(words.VERDICT_WORDS.values())
    proofs.sort(key=lambda proof: order.index(proof.word))
    shown: list[Proofs] = []
    folded: list[Proofs] = []
    shown_words = set()
    for proof in proofs:
        if proof.word is words.VERDICT_WORDS["violated"] or proof.word not in shown_words:
            shown.append(proof)
            shown_words.add(proof.word)
        else:
            folded.append(proof)
    return Chapter(
        claim.claim,
        words.VERDICT_WORDS[claim.verdict or "not checked"],
        tuple(_cell(claim, host) for host in hosts),
        tuple(shown),
        tuple(folded),
    )


def _proofs(claim: ClaimEvidence, machine: str) -> Proofs:
    evidence = [item for item in claim.evidence if item.machine == machine]
    evidence.sort(key=lambda item: list(words.VERDICT_WORDS).index(item.verdict))
    return Proofs(machine, words.VERDICT_WORDS[claim.verdict_on(machine) or "not checked"], tuple(evidence))


def _cell(claim: ClaimEvidence, host: PlacedHost) -> Cell:
    verdicts = [verdict for name in _names(host) if (verdict := claim.verdict_on(name))]
    return Cell(words.word_of(worst(verdicts)), verdicts.count("demonstrated"), len(verdicts))


def _matrix(host: PlacedHost, claims: Sequence[ClaimEvidence]) -> Matrix:
    names = _names(host)
    checked = [claim for claim in claims if any(claim.verdict_on(name) for name in names)]
    rows = [(name, [words.word_of(claim.verdict_on(name)) for claim in checked]) for name in names]
    return Matrix(host, [claim.claim for claim in checked], rows)


def _names(host: PlacedHost) -> list[str]:
    return [host.name, *(machine.name for machine in host.machines)]


def _unreachable(evidence: Sequence[Evidence]) -> dict[str, list[str]]:
    """Return the machines that could not be checked, by reason."""
    reasons: dict[str, str] = {}
    for item in evidence:
        if item.verdict == "not checked":
            # Later checks of the machine only say that it does not answer; the first one says why.
            reasons.setdefault(item.machine, item.reason)
    machines: dict[str, list[str]] = {}
    for machine, reason in reasons.items():
        machines.setdefault(reason, []).append(machine)
    return machines


def _violations(evidence: Sequence[Evidence]) -> dict[tuple[str | None, str], list[Evidence]]:
    """Return the evidence of all violations, by claim and check."""
    violations: dict[tuple[str | None, str], list[Evidence]] = {}
    for item in evidence:
        if item.verdict == "violated":
            violations.setdefault((item.claim, item.check), []).append(item)
    return violations
