"""dockerd's configuration: our settings beside those of others, and whose address pools it has."""

from ipaddress import IPv4Network

from minetlab.lab.settings import AddressPool
from minetlab.resources.dockerd import (
    POOLS,
    DaemonState,
    foreign_pools,
    pools_conflict,
    pools_setting,
)

OURS = (AddressPool(base=IPv4Network("10.201.0.0/16"), size=24),)
WRITTEN = [{"base": "10.201.0.0/16", "size": 24}]
OTHERS = [{"base": "10.9.0.0/16", "size": 28}]


def test_pools_are_foreign_if_there_are_any_and_not_ours() -> None:
    assert pools_setting(OURS) == WRITTEN
    assert foreign_pools(None, OURS) is None
    assert foreign_pools({"debug": True}, OURS) is None
    assert foreign_pools({POOLS: WRITTEN}, OURS) is None
    assert foreign_pools({POOLS: OTHERS}, OURS) == OTHERS
    assert foreign_pools({POOLS: WRITTEN * 2}, OURS) == WRITTEN * 2


def test_a_conflict_names_both_pools_and_the_other_labs() -> None:
    assert pools_conflict(OTHERS, OURS, ["a", "b"]) == (
        'dockerd has the address pools [{"base": "10.9.0.0/16", "size": 28}] for the lab a and the lab b; '
        'this lab wants [{"base": "10.201.0.0/16", "size": 24}], but all labs of a host share one setting'
    )


def test_a_host_of_which_nothing_was_read_has_no_configuration_and_none_to_read_again() -> None:
    state = DaemonState()
    assert (state.config, state.stale, state.fault) == (None, False, "")
