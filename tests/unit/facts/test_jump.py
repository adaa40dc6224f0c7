"""What a host says of its jump account, and what is made of it."""

from minetlab.facts.jump import JumpState
from minetlab.resources.jump import JumpObserved


def test_a_host_without_the_account_has_nothing_of_it() -> None:
    assert JumpState().default() == JumpState().process([]) == JumpObserved()


def test_the_account_is_known_by_its_comment_and_has_the_lines_of_its_files() -> None:
    lines = [
        "account minet-jump:x:997:996:minet-lab minet:/nonexistent:/usr/sbin/nologin",
        "folder yes",
        "keys restrict ssh-ed25519 A s0",
        "keys restrict ssh-ed25519 B s1",
        "settings Match User minet-jump",
        "settings     PermitTTY no",
        "limits [Slice]",
        "penalizes yes",
        "stale yes",
    ]
    assert JumpState().process(lines) == JumpObserved(  # noqa: S604 (the account's shell: none is run)
        label="minet-lab minet",
        user=997,
        home="/nonexistent",
        shell="/usr/sbin/nologin",
        folder=True,
        keys="restrict ssh-ed25519 A s0\nrestrict ssh-ed25519 B s1\n",
        settings="Match User minet-jump\n    PermitTTY no\n",
        limits="[Slice]\n",
        penalizes=True,
        stale=True,
    )


def test_a_folder_may_outlive_the_account() -> None:
    assert JumpState().process(["folder yes"]) == JumpObserved(folder=True)
