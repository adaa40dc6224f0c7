"""The TP site: what it says and does not say, and when it changes."""

import re
import subprocess
import tarfile
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from minetlab.cli.up import sites
from minetlab.lab import ContainerHost, ContainerHostSettings, Lab, Student
from minetlab.plan import allocate
from minetlab.resources.site import (
    INSTRUCTOR,
    PORT,
    SECRETS_ROOT,
    SITE_ROOT,
    STATUS_FILE,
    STATUS_ROOT,
    STUDENTS,
    TLS_CHAIN,
    TLS_KEY,
)
from minetlab.secrets.keys import container_host_key, guest_host_key
from minetlab.site import build, content, server, sheets
from minetlab.site.lexer import SheetLexer
from minetlab.tp.tp_images import TP_FOLDER
from minetlab.util.errors import LabError
from tests.support.site_lab import KEY, LAB, SITE, lab_of, let_in_by

SCRIPT = '<script src="_static/etat.js" defer></script>'


def pages(lab: Lab) -> dict[str, str]:
    return content.pages(lab, allocate(lab), sheets.read(lab))


def test_every_sheet_is_a_page_and_the_home_page_leads_to_it() -> None:
    names = {file.parent.name for file in TP_FOLDER.glob("*/fiche.md")}
    assert {sheet.tp for sheet in SITE.sheets} == names
    for sheet in SITE.sheets:
        assert SITE.pages[f"tp/{sheet.tp}.md"] == sheet.text
        assert f"[{sheet.title}](tp/{sheet.tp}.md)" in SITE.pages["index.md"]


def test_sheets_are_in_the_courses_order_and_known_as_done_here_or_not() -> None:
    course = ["isa", "processus", "emulation", "vm", "conteneur"]
    assert [sheet.tp for sheet in SITE.sheets if sheet.tp in course] == course
    assert {sheet.tp for sheet in SITE.sheets if sheet.offered} == {"processus"}
    assert {sheet.place for sheet in SITE.sheets if sheet.tp in {"vm", "conteneur"}} == {"guest"}


def test_a_sheet_without_a_place_in_the_order_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "nix" / "fiche.md"
    file.parent.mkdir()
    file.write_text("# TP — Nix\n\n**But :** voir.\n")
    (tmp_path / "order.toml").write_text('order = ["isa"]\n')
    with pytest.raises(LabError, match=r"order\.toml: the TP nix is not in the order"):
        sheets.read(LAB, tmp_path)
    (tmp_path / "order.toml").write_text("isa\n")
    with pytest.raises(LabError, match=r"order\.toml cannot be understood"):
        sheets.read(LAB, tmp_path)


def test_no_sheet_speaks_of_a_later_one_as_done() -> None:
    """A sheet calls another by its title: in the future (« vous le comparerez »), or as something seen."""
    known = {sheet.title.lower(): number for number, sheet in enumerate(SITE.sheets)}
    mentions = 0
    for number, sheet in enumerate(SITE.sheets):
        for sentence in re.split(r"(?<=[.?!:])\s", sheet.text):
            for title, other in known.items():
                if f"TP sur {title}" in " ".join(sentence.split()):
                    mentions += 1
                    later = bool(re.search(r"\w+(?:rez|ra|ront)\b", sentence))
                    assert later == (other > number), f"{sheet.tp}: {sentence}"
    assert mentions >= 2


def sections(text: str) -> dict[str, str]:
    """The text below each heading of the second level."""
    return dict(part.split("\n", 1) for part in re.split("^## ", text, flags=re.MULTILINE)[1:])


def test_each_question_of_a_sheet_has_an_answer_on_a_page_for_the_instructor() -> None:
    number = re.compile(r"^\d\. ", re.MULTILINE)
    questions = 0
    for sheet in SITE.sheets:
        answers = sections(sheet.answers)
        asked = {
            title: len(number.findall(rest)) or 1
            for title, text in sections(sheet.text).items()
            for _, is_asked, rest in [text.partition("\nQuestion")]
            if is_asked
        }
        assert {title: len(number.findall(text)) for title, text in answers.items()} == asked, sheet.tp
        assert SITE.pages[f"formateur-{sheet.tp}.md"].endswith(sheet.answers)
        assert f"[{sheet.title}](formateur-{sheet.tp}.md)" in SITE.pages["formateur.md"]
        questions += sum(asked.values())
    assert questions == 46
    others = [text for path, text in SITE.pages.items() if not path.startswith("formateur")]
    assert not [text for text in others if "formateur-" in text or "réponses" in text]


@pytest.mark.parametrize("text", ["", "# Les processus\n", "# TP — Les processus\n\nVoir.\n"])
def test_a_sheet_without_title_or_goal_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "nix" / "fiche.md"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(LabError, match=f"{file}: a sheet begins with its title and its goal"):
        sheets.read(LAB, tmp_path)


def test_students_find_their_machines() -> None:
    (container,) = allocate(LAB).containers
    (guest,) = allocate(LAB).guests
    said = unescape(pages(LAB)["moi-alice.md"])
    assert (
        f"<code>ssh -F ~/minet/ssh_config minet-alice-processus</code><br>etudiant@ct1:{container.ssh_port}<"
        in said
    )
    assert f"<code>ssh -F ~/minet/ssh_config minet-alice</code><br>alice@{guest.address.ip}<" in said


def test_hosts_are_named_as_others_find_them() -> None:
    said = pages(lab_of(ct1="192.0.2.7"))["moi-alice.md"]
    assert "etudiant@192.0.2.7:" in said


def known_hosts(lab: Lab, folder: Path) -> Path:
    """The lines that Alice's page shows, in a file."""
    (lines,) = re.findall("<pre>(.*?)</pre>", pages(lab)["moi-alice.md"], re.DOTALL)
    file = folder / "known_hosts"
    file.write_text(lines.lstrip())
    return file


def known_as(file: Path, name: str) -> list[str]:
    """The keys by which ssh would know a machine of this name."""
    done = subprocess.run(
        ["ssh-keygen", "-F", name, "-f", file], capture_output=True, text=True, check=False
    ).stdout
    return [line.partition(" ")[2] for line in done.splitlines() if not line.startswith("#")]


def test_ssh_knows_the_machines_by_the_lines_of_the_page(tmp_path: Path) -> None:
    host = ContainerHost(name="ct1.example.org", settings=ContainerHostSettings())
    lab = lab_of(bridged=True).model_copy(update={"container_hosts": (host,)})
    file = known_hosts(lab, tmp_path)
    plan = allocate(lab)
    for machine, address, pair in (
        (plan.guests[0], str(plan.guests[0].address.ip), guest_host_key("minet", "minet-alice")),
        (
            plan.containers[0],
            f"[ct1.example.org]:{plan.containers[0].ssh_port}",
            container_host_key("minet", "minet-alice-processus"),
        ),
    ):
        key = " ".join(pair.public.split()[:2])
        assert known_as(file, machine.name) == known_as(file, address) == [key]
    assert known_as(file, "elsewhere") == []


def test_what_is_behind_its_host_is_known_by_its_name_alone(tmp_path: Path) -> None:
    """Addresses behind a host are the same in other labs."""
    names = [line.split()[0] for line in known_hosts(LAB, tmp_path).read_text().splitlines()]
    assert names == ["minet-alice-processus", "minet-alice"]


def test_nobody_is_told_to_believe_an_unknown_machine() -> None:
    for page, text in SITE.pages.items():
        assert not re.search(r"répondez .?(yes|oui)|StrictHostKeyChecking|accept-new", text), page
    assert "répondez non" in SITE.pages["connexion.md"]


def test_keys_of_machines_are_on_their_students_page_and_no_others_are_anywhere() -> None:
    for page, text in SITE.pages.items():
        assert ("AAAAC3" in text) == (page == "moi-alice.md"), page
        assert KEY.split()[1] not in text, page
        assert "PRIVATE" not in text, page
        assert "example.org" not in text, page


def test_students_are_on_their_own_pages_and_the_instructors_only() -> None:
    lab = lab_of(*(Student(login=login, name=login.title()) for login in ("alice", "bob")))
    said = pages(lab)
    assert "alice" in said["moi-alice.md"]
    for login in ("alice", "bob"):
        machines = [each.name for each in allocate(lab).machines if each.student.login == login]
        assert len(machines) == 2
        seen = {
            page for page, text in said.items() if any(re.search(rf"\b{name}\b", text) for name in machines)
        }
        assert seen == {f"moi-{login}.md", "formateur.md"}


def test_a_student_without_machines_is_told_so() -> None:
    lab = LAB.model_copy(update={"kvm_hosts": (), "container_hosts": ()})
    assert "Ce lab ne vous donne pas de machine." in pages(lab)["moi-alice.md"]


def test_names_are_escaped() -> None:
    lab = lab_of(Student(login="eve", name="<script>alert(1)</script>"))
    assert not [page for page, text in pages(lab).items() if "<script" in text]


def test_revision_follows_the_content_and_nothing_else() -> None:
    assert build.site_of(LAB, allocate(LAB)).revision == SITE.revision
    late = lab_of(*LAB.students, Student(login="zoe", name="Zoé"))
    changed = {**SITE.pages, "tp/isa.md": f"{SITE.pages['tp/isa.md']}\nEt voilà.\n"}
    others = (build.site_of(late, allocate(late)), replace(SITE, pages=changed), replace(SITE, project="TP"))
    assert len({SITE.revision, *(other.revision for other in others)}) == 4


def test_it_is_built_the_same_each_time_with_nothing_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tars = []
    for run in ("1", "2"):
        monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / run))
        tars.append(build.build(SITE, lambda line: None))
    assert tars[0].read_bytes() == tars[1].read_bytes()
    archive = tarfile.open(tars[0])  # noqa: SIM115 (what is in it is read below)
    files = {member.name: archive.extractfile(member) for member in archive}
    assert {sheet.page for sheet in SITE.sheets} < files.keys()
    for name, file in files.items():
        assert file is not None
        text = file.read().decode()
        assert f'content="{SITE.revision}"' in text or name.endswith((".css", ".js"))
        assert not re.findall(r'src="|href="(?:https?:)?//|url\(|console C', text.replace(SCRIPT, "")), name
        assert (SCRIPT in text) == (name == "formateur.html")
        assert not [password for password in let_in_by() if password in text], name
    assert "_static/etat.js" in files


def test_what_sphinx_refuses_is_said_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path))
    broken = replace(SITE, pages={**SITE.pages, "index.md": "# TP\n\n[où](nulle-part.md)\n"})
    with pytest.raises(LabError, match=r"nulle-part"):
        build.build(broken, lambda line: None)
    assert not list(tmp_path.glob("site/*.tar.gz"))


def test_a_sheet_that_is_a_link_to_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the administrator\n")
    folder = tmp_path / "tp" / "nix"
    folder.mkdir(parents=True)
    (folder / "fiche.md").write_text("# TP — Nix\n\n**But :** voir.\n")
    (folder / "reponses.md").symlink_to("../../secret")
    with pytest.raises(LabError, match=r"reponses\.md is a link out of"):
        sheets.read(LAB, tmp_path / "tp")


@pytest.mark.parametrize(
    "directive",
    [
        "{{include}} {path}\n",
        "{{literalinclude}} {path}\n",
        "{{raw}} html\n:file: {path}\n",
        "{{csv-table}}\n:file: {path}\n",
    ],
)
def test_a_sheet_shows_no_other_file_of_this_machine(
    directive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path))
    secret = tmp_path / "secret"
    secret.write_text("of the administrator\n")
    sheet = f"# TP\n\n```{directive.format(path=secret)}```\n"
    curious = replace(SITE, pages={**SITE.pages, "tp/isa.md": sheet})
    with pytest.raises(LabError, match=r"disabled|deactivated"):
        build.build(curious, lambda line: None)


def test_commands_are_told_from_output() -> None:
    block = "$ cat boite\n#!/bin/sh\n# Un conteneur\n$ echo '$ '\n$ \nmachine$ uname -m\n"
    coloured = [(str(kind), text) for kind, text in SheetLexer().get_tokens(block) if text]
    assert coloured == [
        ("Token.Generic.Prompt", "$ "),
        ("Token.Generic.Strong", "cat boite\n"),
        ("Token.Generic.Output", "#!/bin/sh\n"),
        ("Token.Generic.Output", "# Un conteneur\n"),
        ("Token.Generic.Prompt", "$ "),
        ("Token.Generic.Strong", "echo '$ '\n"),
        ("Token.Generic.Prompt", "$ "),
        ("Token.Generic.Strong", "\n"),
        ("Token.Generic.Output", "machine$ uname -m\n"),
    ]


def test_server_listens_and_finds_its_pages_where_the_container_has_them() -> None:
    (config,) = server.recipe().files
    assert f"listen {PORT} ssl;" in config.content
    assert f"ssl_certificate {SECRETS_ROOT}/{TLS_CHAIN};" in config.content
    assert f"ssl_certificate_key {SECRETS_ROOT}/{TLS_KEY};" in config.content
    assert f"root {SITE_ROOT};" in config.content
    assert f"location = /{STATUS_FILE} {{\n            root {STATUS_ROOT};" in config.content
    assert config.content.count(f"auth_basic_user_file {SECRETS_ROOT}/{STUDENTS};") == 1
    assert config.content.count(f"auth_basic_user_file {SECRETS_ROOT}/{INSTRUCTOR};") == 2
    assert f'"{config.path}"' in server.SITE_IMAGE_INSTRUCTIONS[1]


def test_lab_up_says_where_the_site_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))  # so there is no sandbox host
    real = [
        ContainerHost(name=name, hostname=hostname, settings=ContainerHostSettings(site_port=port))
        for name, hostname, port in (("ct2", "192.0.2.7", 443), ("ct3", None, 8080), ("ct4", None, None))
    ]
    lab = LAB.model_copy(update={"container_hosts": (*LAB.container_hosts, *real)})
    assert sites(lab) == ["https://192.0.2.7/", "https://ct3:8080/"]
