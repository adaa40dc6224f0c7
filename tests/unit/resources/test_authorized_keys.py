"""Keys come and go in a student's file, and what the student wrote there stays."""

from minetlab.resources.authorized_keys import with_keys_replaced

OLD, NEW, OWN = "ssh-ed25519 AAAAold lab", "ssh-ed25519 AAAAnew lab", "ssh-rsa AAAAown me@home"


def test_a_key_is_replaced_and_the_others_stay_where_they_are() -> None:
    text = f"# mine\n{OWN}\n\n{OLD}\n"
    assert with_keys_replaced(text, [NEW], [OLD]) == f"# mine\n{OWN}\n\n{NEW}\n"


def test_a_key_is_known_whatever_options_and_comment_it_has() -> None:
    text = f'restrict,command="a b" ssh-ed25519 AAAAold other words\nno-pty {OWN}'
    assert with_keys_replaced(text, [], [OLD]) == f"no-pty {OWN}\n"
    assert with_keys_replaced(NEW, [], [OLD]) == f"{NEW}\n"
    assert with_keys_replaced(text, ["ssh-rsa AAAAown lab"], []) == f"{text}\n"


def test_a_key_in_a_comment_lets_nobody_in_so_it_is_added() -> None:
    assert with_keys_replaced(f"  # {NEW}\n", [NEW], []) == f"  # {NEW}\n{NEW}\n"


def test_keys_are_added_to_an_empty_file_in_their_order() -> None:
    assert with_keys_replaced("", [NEW, OWN], [OLD]) == f"{NEW}\n{OWN}\n"
    assert with_keys_replaced("", [], []) == ""
