"""Which sandbox hosts an inventory may ask for."""

import pytest

from minetlab.sandbox.spec import SandboxSpec, spec_of
from minetlab.util.errors import LabError


def test_a_host_of_which_nothing_is_said_is_an_ordinary_one() -> None:
    assert spec_of("hv1") == SandboxSpec(memory=4096, vcpus=1, debian=13, image="warm", disk=64)


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [("memory", 512, 1048576), ("vcpus", 1, 64), ("debian", 12, 13), ("disk", 8, 2000)],
)
def test_the_least_and_the_most_are_allowed_and_nothing_beyond(field: str, least: int, most: int) -> None:
    for allowed in (least, most):
        assert getattr(spec_of("hv1", **{field: allowed}), field) == allowed
    for refused in (least - 1, most + 1):
        with pytest.raises(LabError, match=f"sandbox host hv1: sandbox_{field} is {refused}: "):
            spec_of("hv1", **{field: refused})


def test_a_number_in_quotes_is_no_number() -> None:
    with pytest.raises(LabError, match="sandbox_memory is '4096'"):
        spec_of("hv1", memory="4096")


def test_all_wrong_fields_are_named() -> None:
    with pytest.raises(LabError, match=r"sandbox_vcpus is 0: .*; sandbox_size is 3: "):
        spec_of("hv1", vcpus=0, size=3)
