"""The claims, the checks that prove them, and what follows from what those saw."""

import pytest

import tests.hosts.test_container_hosts as container_hosts
import tests.hosts.test_containers as containers
import tests.hosts.test_domains as domains
import tests.hosts.test_guests as guests
import tests.hosts.test_kvm_hosts as kvm_hosts
import tests.hosts.test_measurements as measurements
import tests.hosts.test_sheets as sheets
import tests.hosts.test_site as site
from minetlab.checks.sheets import claims_of
from minetlab.claims.claims import CLAIMS
from minetlab.claims.evidence import Evidence, Verdict, evidence_by_claim
from minetlab.tp.tp_images import TP_FOLDER

MODULES = (kvm_hosts, domains, guests, container_hosts, containers, site, sheets, measurements)
# What a check is run on, by the name of its argument.
KINDS = {"domain": "guest", "site_host": "container_host"}


def proofs() -> set[tuple[str, str]]:
    """Each claim that a check carries or a sheet shows, with the kind of machine that is for."""
    shown = {
        (claim, kind)
        for definition, kind in (("image.toml", "container"), ("guest.toml", "guest"))
        for file in TP_FOLDER.glob(f"*/{definition}")
        for claim in claims_of(file.parent.name)
    }
    return shown | {
        (mark.args[0], KINDS.get(kind, kind))
        for module in MODULES
        for check in vars(module).values()
        for mark in getattr(check, "pytestmark", ())
        if mark.name == "claim"
        for kind in [next(iter(check.__annotations__))]
    }


def evidence(claim: str, machine: str, verdict: Verdict) -> Evidence:
    return Evidence(claim=claim, machine=machine, check="test_it", verdict=verdict)


def test_every_claim_is_proved_where_it_applies_and_nothing_else_is() -> None:
    assert proofs() == {(claim.id, kind) for claim in CLAIMS for kind in claim.where}


def test_claims_are_in_order_and_have_one_id_each() -> None:
    ids = [claim.id for claim in CLAIMS]
    assert ids == sorted(set(ids))


def test_the_worst_machine_decides() -> None:
    found = {
        each.claim.id: each
        for each in evidence_by_claim(
            [
                evidence("C16", "minet-alice", "demonstrated"),
                evidence("C16", "minet-bob", "violated"),
                evidence("C16", "minet-bob", "demonstrated"),
                evidence("C15", "minet-alice", "demonstrated"),
                evidence("C15", "hv1", "not demonstrable"),
            ]
        )
    }
    assert found["C16"].verdict == "violated"
    assert found["C16"].verdict_on("minet-alice") == "demonstrated"
    assert found["C16"].verdict_on("minet-bob") == "violated"
    assert found["C16"].machines == ("minet-alice", "minet-bob")
    assert found["C15"].verdict == "not demonstrable"
    assert found["C08"].verdict is None


def test_a_check_of_an_unknown_claim_is_refused() -> None:
    with pytest.raises(ValueError, match="test_it says that it proves C99"):
        evidence_by_claim([evidence("C99", "hv1", "demonstrated")])
