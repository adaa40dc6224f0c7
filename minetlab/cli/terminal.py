"""The terminal, as commands write to it."""

from rich.console import Console


def console(*, errors: bool = False, soft_wrap: bool = False) -> Console:
    """Return the terminal, which shows every text as it is: names and answers are nobody's markup.

    :param errors: standard error instead of standard output.
    :param soft_wrap: leave the wrapping of lines to the terminal, so that commands can be copied.
    :return: rich's console; colours come by rich's ``Text`` and styles alone.
    """
    return Console(stderr=errors, soft_wrap=soft_wrap, markup=False, emoji=False)
