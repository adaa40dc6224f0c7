"""The error that commands show to the user: what is wrong, where, and what to do next."""


class LabError(Exception):
    """A problem that the administrator can solve; shown without a traceback.

    :param problem: what is wrong; it names the file and the field, or the host and what is wrong on it.
    :param next_step: what to do about it, as an imperative sentence.
    """

    def __init__(self, problem: str, *, next_step: str) -> None:
        super().__init__(f"{problem}\n  → {next_step}")
        self.problem = problem
        self.next_step = next_step
