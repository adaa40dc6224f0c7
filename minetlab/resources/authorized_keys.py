"""One account's ``authorized_keys`` with a key replaced: all else in it is the student's own. No I/O."""

from collections.abc import Collection


def changed(text: str, add: Collection[str], drop: Collection[str]) -> str:
    """The file with these keys and without those, each known by its key alone: sshd(8), AUTHORIZED_KEYS.

    :param add: public keys, ``type key comment`` each, as are those to ``drop``.
    """
    gone = {key.split()[1] for key in drop}
    lines = [line for line in text.splitlines() if gone.isdisjoint(line.split())]
    there = {word for line in lines if not line.lstrip().startswith("#") for word in line.split()}
    lines += [key for key in add if key.split()[1] not in there]
    return "".join(f"{line}\n" for line in lines)
