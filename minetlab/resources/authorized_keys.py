"""Replace keys in an account's ``authorized_keys``; all else in the file is the student's own. No I/O."""

from collections.abc import Collection


def with_keys_replaced(text: str, add: Collection[str], drop: Collection[str]) -> str:
    """Return the text of an ``authorized_keys`` file with some keys added and others removed.

    Only the encoded key is compared, not options or comments: see AUTHORIZED_KEYS FILE FORMAT in sshd(8).

    :param text: the present content of the file.
    :param add: public keys that the file shall have, each as ``type key comment``.
    :param drop: public keys to remove, in the same form.
    :return: the new content of the file.
    """
    dropped = {key.split()[1] for key in drop}
    lines = [line for line in text.splitlines() if dropped.isdisjoint(line.split())]
    present = {word for line in lines if not line.lstrip().startswith("#") for word in line.split()}
    lines += [key for key in add if key.split()[1] not in present]
    return "".join(f"{line}\n" for line in lines)
