"""The sheets: each command, typed in a student's container, prints what the sheet says."""

from minetlab.course.sheet import outputs, script, steps
from minetlab.tp_images import FOLDER, SHELL
from minetlab.verification.machines import ContainerMachine


def test_commands_print_what_the_sheet_says(container: ContainerMachine) -> None:
    sheet = FOLDER / container.container.tp_image / "fiche.md"
    commands = steps(sheet.read_text())
    assert commands, container.differs(f"commands in {sheet}", "some", "none")
    printed = outputs(container.types(script(commands), SHELL), commands)
    wrong = [
        f"{sheet.name}, line {step.line}: $ {step.command}\n"
        + container.differs("what it prints", "\n".join(step.output), printed.get(step, "nothing: not run"))
        for step in commands
        if not step.shows(printed.get(step, "not run\n"))
    ]
    assert not wrong, "\n".join(wrong)
