"""A sheet whose commands print something else violates the claims that those show."""

import pytest

from minetlab.checks.sheets import commands_of, sheet_mismatches
from tests.hosts import test_sheets as sheets
from tests.support.recorded import ALICE, CONTAINER, GUEST_SHEETS, SHEETS, RecordedLab

# A sheet, a claim that it then violates, what it prints, and instead; and another that it still shows.
CLAIMED = [
    # binfmt_misc has been told how to run it.
    (
        "isa",
        "C01",
        "\x1e(eval):1: exec format error: ./bonjour-arm64\n",
        "\x1eBonjour ! 20 + 22 = 42\n",
        "C02",
    ),
    ("isa", "C01", "x86_64\n\x1eBonjour", "aarch64\n\x1eBonjour", "C02"),
    ("isa", "C02", "e0800001", "8d 04 37", "C01"),
    ("emulation", "C10", "aarch64", "x86_64", None),
    ("emulation", "C10", "ppc64le", "x86_64", None),
    ("processus", "C04", "───test.sh(74)───pstree", "───pstree", "C05"),
    ("processus", "C04", "docker-init(1)───sshd", "sshd", "C05"),
    ("processus", "C05", "valeur 2", "valeur 1", "C04"),
    ("vm", "C13", "Le compteur augmente.\n", "", "C15"),
    ("vm", "C15", "Hypervisor detected: KVM\n--- Au revoir", "--- Au revoir", "C17"),
    ("vm", "C17", "\x1e2\n", "\x1e0\n", "C15"),
    ("conteneur", "C08", "le même noyau", "", "C09"),
    ("conteneur", "C09", "\x1eboite\n\x1e", "\x1e\x1e", "C08"),
]


@pytest.mark.parametrize(("tp", "claim", "old", "new", "other"), CLAIMED)
def test_a_sheet_that_prints_something_else_violates_the_claim_it_shows_and_no_other(
    tp: str, claim: str, old: str, new: str, other: str | None
) -> None:
    lab = RecordedLab()

    def shows(claim: str) -> None:
        if tp in GUEST_SHEETS:
            sheets.test_guest_shows(lab.guest, tp, claim)
        else:
            sheets.test_container_shows(lab.container, tp, claim)

    shows(claim)
    command = (GUEST_SHEETS | SHEETS)[tp]
    lab.spoil(ALICE if tp in GUEST_SHEETS else CONTAINER, command, old, new)
    with pytest.raises(AssertionError, match=rf"{tp}/fiche\.md, line"):
        shows(claim)
    if other:
        shows(other)


@pytest.mark.parametrize("tp", [*SHEETS, *GUEST_SHEETS])
def test_a_sheet_whose_commands_print_what_they_did_on_a_real_machine_is_right(tp: str) -> None:
    lab = RecordedLab()
    machine = lab.guest if tp in GUEST_SHEETS else lab.container
    assert list(sheet_mismatches(machine, tp)) == []


def test_a_terminal_shows_neither_colours_nor_the_ends_of_lines_as_they_come() -> None:
    lab = RecordedLab()
    terminal = lab.guest.terminal
    lab.answers[ALICE][terminal.command("ip -brief link")] = (
        "\x1b[36mlo  \x1b[0m\x1b[1;31mDOWN\x1b[m\r\nend\r\n"
    )
    assert terminal.types("ip -brief link") == "lo  DOWN\nend\n"


def test_what_was_typed_is_noted_without_what_stands_in_prose() -> None:
    lab = RecordedLab()
    guest, commands = lab.guest, commands_of("vm")
    assert list(sheet_mismatches(guest, "vm")) == []
    assert [command for _, command, _ in lab.transcript] == [
        step.command for step in commands if not step.in_prose
    ]
    outputs = {command: output for _, command, output in lab.transcript}
    shown = next(step for step in commands if step.output and not step.in_prose)
    assert shown.shows(outputs[shown.command])


def test_a_claim_is_compared_with_its_own_commands_alone() -> None:
    lab = RecordedLab()
    assert list(sheet_mismatches(lab.guest, "vm", "C17")) == []
    assert [command for _, command, _ in lab.transcript] == [
        step.command for step in commands_of("vm") if "C17" in step.claims and not step.in_prose
    ]


def test_a_shell_that_ends_early_is_said_of_each_command_that_it_did_not_get_to() -> None:
    lab = RecordedLab()
    commands = commands_of("isa")
    command = SHEETS["isa"]
    lab.answers[CONTAINER][command] = lab.answers[CONTAINER][command].split("\x1e")[0]
    wrong = list(sheet_mismatches(lab.container, "isa"))
    assert len(wrong) == len(commands) > 2
    first, message = commands[0], wrong[0]
    assert message.startswith(
        f"isa/fiche.md, line {first.line}: $ {first.command}\n{CONTAINER}: what it prints"
    )
    assert message.endswith("observed nothing: the shell did not get that far")
    assert {output for _, _, output in lab.transcript} == {""}
