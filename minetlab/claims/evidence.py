"""What a verification saw of the course's claims, and what follows from it."""

from collections.abc import Iterable
from typing import Literal, get_args

from minetlab.claims.claims import BY_ID, CLAIMS, Claim
from minetlab.lab.base import Frozen

Verdict = Literal["demonstrated", "not demonstrable", "not checked", "violated"]
_FROM_BEST_TO_WORST: tuple[Verdict, ...] = get_args(Verdict)


class Observation(Frozen):
    """A command, and what it printed.

    :param machine: where it was run.
    """

    machine: str
    command: str
    output: str


class Evidence(Frozen):
    """What one check found of a claim on one machine.

    :param claim: by id; None: the lab needs what the check looks at, but the course does not claim it.
    :param check: the name of the test.
    :param verdict: not checked: the machine does not answer.
    :param reason: why it is not demonstrated; empty if it is.
    :param observations: what the check looked at, in order.
    """

    claim: str | None
    machine: str
    check: str
    verdict: Verdict
    reason: str = ""
    observations: tuple[Observation, ...] = ()


class ClaimEvidence(Frozen):
    """All that is known of a claim.

    :param evidence: by machine and check; empty: nothing was checked.
    """

    claim: Claim
    evidence: tuple[Evidence, ...]

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines that it was looked for on."""
        return tuple(sorted({each.machine for each in self.evidence}))

    @property
    def verdict(self) -> Verdict | None:
        """The verdict over all machines: the worst of any; None if nothing was checked."""
        return worst(each.verdict for each in self.evidence)

    def of(self, machine: str) -> Verdict | None:
        """The verdict on one machine; None if it was not looked at."""
        return worst(each.verdict for each in self.evidence if each.machine == machine)


def by_machine(evidence: Iterable[Evidence]) -> dict[str, Verdict]:
    """The worst verdict on each machine that something was looked for on."""
    found: dict[str, Verdict] = {}
    for each in evidence:
        found[each.machine] = worst((each.verdict, found.get(each.machine, each.verdict))) or each.verdict
    return found


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The worst of some verdicts; None of none."""
    return max(verdicts, key=_FROM_BEST_TO_WORST.index, default=None)


def findings(evidence: Iterable[Evidence]) -> tuple[ClaimEvidence, ...]:
    """What is known of each claim of the course, in the course's order.

    :raises ValueError: a check names a claim that the course does not make.
    """
    by_claim: dict[str, list[Evidence]] = {claim.id: [] for claim in CLAIMS}
    for each in evidence:
        if each.claim is None:
            continue
        if each.claim not in BY_ID:
            raise ValueError(
                f"{each.check} says that it proves {each.claim}, which is no claim of the course"
            )
        by_claim[each.claim].append(each)
    return tuple(
        ClaimEvidence(
            claim=claim, evidence=tuple(sorted(by_claim[claim.id], key=lambda e: (e.machine, e.check)))
        )
        for claim in CLAIMS
    )
