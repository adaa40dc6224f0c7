"""``lab cards``, from an inventory to files."""

import shutil
import stat
from pathlib import Path

import pypdfium2
import pytest

from minetlab.cli import cards
from minetlab.inventory.load import load
from minetlab.secrets import certificates, keys, passwords
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example with real hosts: none of them is asked anything."""
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    folder = shutil.copytree(PROJECT_ROOT / "inventories", tmp_path / "inventories")
    (folder / "known_hosts").write_text(f"*.example.org {keys.key_pair(tmp_path / 'key', 'hosts').public}\n")
    return Path(folder) / "production.example.py"


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_everybody_gets_a_card_and_a_folder(
    tmp_path: Path, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cards"
    cards.write(inventory, folder, None, None, "fr")
    assert names(folder) == {"cards.html", "cards.pdf", "alice", "bob", "formateur.txt"}
    text = pypdfium2.PdfDocument(folder / "cards.pdf")[0].get_textpage().get_text_range()
    for student in ("Alice Exemple", "Bob Exemple"):
        assert student in text
    said = capsys.readouterr().out
    assert str(folder / "cards.pdf") in said
    site = "https://ct1.example.org:8080/"
    lab = load(inventory).lab
    anchor = certificates.site_certificate(lab, lab.site_hosts[0]).anchor
    assert anchor.fingerprint in (folder / "cards.html").read_text()
    assert (folder / "alice" / "minet-ca.crt").read_text() == anchor.pem
    assert anchor.fingerprint in (folder / "formateur.txt").read_text()
    accounts = {
        **{folder / login / "README.txt": passwords.student("minet", login) for login in ("alice", "bob")},
        folder / "formateur.txt": passwords.instructor("minet"),
    }
    for file, account in accounts.items():
        assert not stat.S_IMODE(file.stat().st_mode) & 0o077
        written = file.read_text()
        assert [each.login for each in accounts.values() if each.password in written] == [account.login]
        assert site in written
        assert account.password not in said
        assert account.hashed not in said
        assert (account.password in (folder / "cards.html").read_text()) == (account.login != "formateur")


def test_a_lab_without_a_site_has_no_passwords(
    tmp_path: Path, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory.write_text("container_hosts = [('ct1.example.org', {'site_port': None})]\n")
    cards.write(inventory, tmp_path / "cards", None, None, "fr")
    assert "formateur.txt" not in names(tmp_path / "cards")
    assert "no secret is on a card" in capsys.readouterr().out
    assert not list((tmp_path / "state").rglob("passwords"))


def test_a_late_arrival_gets_theirs_and_the_others_keep_theirs(tmp_path: Path, inventory: Path) -> None:
    folder = tmp_path / "cards"
    cards.write(inventory, folder, None, None, "fr")
    before = (folder / "cards.pdf").read_bytes()
    shutil.rmtree(folder / "alice")
    cards.write(inventory, folder, "bob", "https://tp.example.org", "en")
    cards_of_all = {"cards.html", "cards.pdf", "formateur.txt"}
    assert names(folder) == {*cards_of_all, "cards-bob.html", "cards-bob.pdf", "bob"}
    assert (folder / "cards.pdf").read_bytes() == before
    page = (folder / "cards-bob.html").read_text()
    assert "SHA-256" not in page, "nothing is known of the certificate of what is in front of the site"
    assert not (folder / "bob" / "minet-ca.crt").exists()
    assert "Alice" not in page
    assert "https://tp.example.org" in page
    assert 'lang="en"' in page
    assert "Log in, from a terminal" in (folder / "bob" / "README.txt").read_text()


def test_who_is_not_in_the_roster_is_said_before_anything_is_written(tmp_path: Path, inventory: Path) -> None:
    with pytest.raises(LabError, match=r"no student 'carol'.*\n.*alice, bob"):
        cards.write(inventory, tmp_path / "cards", "carol", None, "fr")
    assert not (tmp_path / "cards").exists()


def test_what_is_no_address_of_a_site_is_refused(tmp_path: Path, inventory: Path) -> None:
    for site_url in ("tp.example.org", "https://", "javascript:alert(1)", "https://a b"):
        with pytest.raises(LabError, match="not the address of a site"):
            cards.write(inventory, tmp_path / "cards", None, site_url, "fr")


def test_a_class_without_students_is_said(tmp_path: Path, inventory: Path) -> None:
    inventory.with_name("students.csv").write_text("login,name\n")
    with pytest.raises(LabError, match="no students"):
        cards.write(inventory, tmp_path / "cards", None, None, "fr")


def test_a_lab_without_machines_for_students_is_said(tmp_path: Path, inventory: Path) -> None:
    inventory.write_text("others = ['elsewhere.example.org']\n")
    with pytest.raises(LabError, match="no machine"):
        cards.write(inventory, tmp_path / "cards", None, None, "fr")


def test_one_host_is_enough_for_cards_of_those_on_it(tmp_path: Path, inventory: Path) -> None:
    inventory.write_text("container_hosts = ['ct1.example.org']\n")
    cards.write(inventory, tmp_path / "cards", "alice", None, "fr")
    assert "ProxyJump" not in (tmp_path / "cards" / "alice" / "ssh_config").read_text()
