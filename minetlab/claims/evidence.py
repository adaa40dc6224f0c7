"""What a verification saw of the course's claims, and what follows from it."""

from collections.abc import Iterable
from typing import Literal, get_args

from minetlab.claims.claims import BY_ID, CLAIMS, Claim
from minetlab.lab.base import Frozen

Verdict = Literal["demonstrated", "not demonstrable", "not checked", "violated"]
_FROM_BEST_TO_WORST: tuple[Verdict, ...] = get_args(Verdict)


class Observation(Frozen):
    """A command, and what it printed.

    :param machine: alias of the machine on which it was run.
    :param command: the command, as it was given to the shell.
    :param output: what it printed.
    """

    machine: str
    command: str
    output: str


class Evidence(Frozen):
    """What one check on one machine says of one claim.

    :param claim: id of the claim. None: the check is of something that the lab needs, but the course does not
        claim.
    :param machine: alias of the machine.
    :param check: name of the test function.
    :param verdict: what follows for the claim; "not checked" where the machine does not answer.
    :param reason: why the claim is not demonstrated; empty if it is.
    :param observations: what the check read, in order.
    """

    claim: str | None
    machine: str
    check: str
    verdict: Verdict
    reason: str = ""
    observations: tuple[Observation, ...] = ()


class ClaimEvidence(Frozen):
    """A claim, and what all checks on all machines say of it.

    :param claim: the claim.
    :param evidence: sorted by machine and check; empty: nothing was checked.
    """

    claim: Claim
    evidence: tuple[Evidence, ...]

    @property
    def machines(self) -> tuple[str, ...]:
        """The aliases of the machines on which the claim was checked."""
        return tuple(sorted({item.machine for item in self.evidence}))

    @property
    def verdict(self) -> Verdict | None:
        """The worst verdict on any machine; None if nothing was checked."""
        return worst(item.verdict for item in self.evidence)

    def verdict_on(self, machine: str) -> Verdict | None:
        """Return the verdict on one machine, by its alias; None if the claim was not checked there."""
        return worst(item.verdict for item in self.evidence if item.machine == machine)


def verdict_by_machine(evidence: Iterable[Evidence]) -> dict[str, Verdict]:
    """Return the worst verdict on each machine on which something was checked, by its alias."""
    verdicts: dict[str, Verdict] = {}
    for item in evidence:
        so_far = verdicts.get(item.machine, item.verdict)
        verdicts[item.machine] = max(so_far, item.verdict, key=_FROM_BEST_TO_WORST.index)
    return verdicts


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the worst of these verdicts; None if there are none."""
    return max(verdicts, key=_FROM_BEST_TO_WORST.index, default=None)


def evidence_by_claim(evidence: Iterable[Evidence]) -> tuple[ClaimEvidence, ...]:
    """Sort evidence by the claims of the course; evidence of no claim is left out.

    :param evidence: what the checks of a verification found.
    :return: every claim of the course, in the course's order, with its evidence.
    :raises ValueError: a check names a claim that the course does not make.
    """
    by_claim: dict[str, list[Evidence]] = {claim.id: [] for claim in CLAIMS}
    for item in sorted(evidence, key=lambda item: (item.machine, item.check)):
        if item.claim is None:
            continue
        if item.claim not in BY_ID:
            raise ValueError(
                f"{item.check} says that it proves {item.claim}, which is no claim of the course"
            )
        by_claim[item.claim].append(item)
    return tuple(ClaimEvidence(claim=claim, evidence=tuple(by_claim[claim.id])) for claim in CLAIMS)
