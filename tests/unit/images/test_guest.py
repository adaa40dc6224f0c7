"""The guest image's recipe."""

import pytest

from minetlab.images.guest import guest_recipe


@pytest.mark.parametrize(("debian", "knows_penalties"), [(12, False), (13, True)])
def test_sshd_has_no_penalties_where_it_knows_them(debian: int, knows_penalties: bool) -> None:
    """With an option that it does not know, sshd would not start."""
    hooks = "\n".join(guest_recipe(debian).hooks)
    assert ("PerSourcePenalties no" in hooks) == knows_penalties
