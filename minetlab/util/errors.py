"""The one error that reaches a user: what is wrong, where, and what to do next."""


class LabError(Exception):
    """Something the administrator can act on; shown without a traceback.

    :param problem: what is wrong, naming the file and field, or the host and the thing.
    :param next_step: what to do about it, as an imperative sentence.
    """

    def __init__(self, problem: str, *, next_step: str) -> None:
        super().__init__(f"{problem}\n  → {next_step}")
        self.problem = problem
        self.next_step = next_step
