"""The account of a host that students' connections to their machines go through. No I/O."""


def jump_account(lab: str) -> str:
    """The account that opens no shell on a host, and leads each student to their own machines only.

    One for all students of a lab: a student's name and the lab's would not fit into the 32 characters that
    useradd(8) gives an account's name. Who may go where is a matter of the key (``permitopen`` in sshd(8)).
    """
    return f"{lab}-jump"
