"""The seed as a guest reads it: an ISO image with the names that cloud-init looks for."""

from io import BytesIO

from pycdlib.pycdlib import PyCdlib

from minetlab.resources.seed import Seed

FILES = {
    "user-data": "#cloud-config\n",
    "meta-data": "é\n",
    "guest/hostname": "alice-vm\n",
    "guest/keys/alice": "ssh-ed25519 A\n",
    "guest/keys/root": "",
    "other/a": "a",
}


def test_the_image_has_each_file_at_its_path_readable_by_all() -> None:
    image = PyCdlib()
    image.open_fp(BytesIO(Seed(FILES).iso()))
    assert image.pvd.volume_identifier.rstrip() == b"cidata"
    for path, text in FILES.items():
        content = BytesIO()
        image.get_file_from_iso_fp(content, rr_path=f"/{path}")
        assert content.getvalue().decode() == text
        mode = image.get_record(rr_path=f"/{path}").rock_ridge.get_file_mode()  # type: ignore[union-attr]
        assert oct(mode) == "0o100644"
    found = {f"{folder}/{name}".lstrip("/") for folder, _, names in image.walk(rr_path="/") for name in names}
    assert found == set(FILES)
    image.close()


def test_the_digest_depends_on_names_and_contents_and_not_on_their_order() -> None:
    digest = Seed(FILES).digest
    assert len(digest) == 64
    assert Seed(dict(reversed(FILES.items()))).digest == digest
    others = [
        {**FILES, "user-data": "#cloud-config"},
        {**FILES, "user": ""},
        {name: text for name, text in FILES.items() if name != "guest/keys/root"},
        {("user-date" if name == "user-data" else name): text for name, text in FILES.items()},
    ]
    assert len({digest, *(Seed(each).digest for each in others)}) == 5


def test_what_ends_one_file_cannot_be_taken_for_the_next_one() -> None:
    assert Seed({"a": "b\n1\nc"}).digest != Seed({"a": "", "b": "c"}).digest
