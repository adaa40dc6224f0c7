"""The TP site: what it says and does not say, when it changes, and how a host comes to serve it."""

import json
import re
import tarfile
from dataclasses import replace
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest

from minetlab.cli.table import sites
from minetlab.facts.docker import DockerState
from minetlab.lab import (
    BridgedNetwork,
    ContainerHost,
    ContainerHostSettings,
    KvmHost,
    KvmHostSettings,
    Lab,
    Student,
)
from minetlab.operations import site as operations
from minetlab.operations import specs
from minetlab.plan import allocate
from minetlab.resources.docker import compare
from minetlab.resources.site import (
    INSTRUCTOR,
    PORT,
    ROOT,
    STATUS_FILE,
    STATUS_ROOT,
    STUDENTS,
    USERS_ROOT,
    SiteSpec,
    site_spec,
)
from minetlab.secrets import passwords
from minetlab.site import build, content, server, sheets
from minetlab.site.lexer import SheetLexer
from minetlab.tp.tp_images import FOLDER
from minetlab.util.errors import LabError
from tests.support.fake_host import Run, run_operation

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk alice@example.org"
SCRIPT = '<script src="_static/etat.js" defer></script>'
STATE, SITES = "docker container ls", "ls -A /var/lib/minet-lab/minet/site"
USERS = "cd /var/lib/minet-lab/minet/access"
NETWORK = {"kind": "network", "name": "minet", "lab": "minet"}


def lab_of(*students: Student, bridged: bool = False, **hosts: str) -> Lab:
    network = {"guest_network": BRIDGED} if bridged else {}
    return Lab(
        name="minet",
        students=students or (Student(login="alice", name="Alice Exemple", ssh_key=KEY),),
        kvm_hosts=(
            KvmHost(name="hv1", hostname=hosts.get("hv1"), settings=KvmHostSettings.model_validate(network)),
        ),
        container_hosts=(
            ContainerHost(name="@sandbox/ct1", hostname=hosts.get("ct1"), settings=ContainerHostSettings()),
        ),
    )


BRIDGED = BridgedNetwork.model_validate(
    {
        "mode": "bridge",
        "bridge": "br0",
        "subnet": "192.0.2.0/24",
        "gateway": "192.0.2.1",
        "nameservers": ["192.0.2.1"],
    }
)
LAB = lab_of()
SITE = build.site_of(LAB, allocate(LAB))


def pages(lab: Lab) -> dict[str, str]:
    return content.pages(lab, allocate(lab), sheets.read(lab))


def test_every_sheet_is_a_page_and_the_home_page_leads_to_it() -> None:
    names = {file.parent.name for file in FOLDER.glob("*/fiche.md")}
    assert {sheet.tp for sheet in SITE.sheets} == names
    for sheet in SITE.sheets:
        assert SITE.pages[f"tp/{sheet.tp}.md"] == sheet.text
        assert f"[{sheet.title}](tp/{sheet.tp}.md)" in SITE.pages["index.md"]


def test_sheets_are_in_the_courses_order_and_known_as_done_here_or_not() -> None:
    assert [sheet.tp for sheet in SITE.sheets] == ["isa", "processus", "emulation", "vm", "conteneur"]
    assert {sheet.tp for sheet in SITE.sheets if sheet.here} == {"processus"}
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
    said = pages(LAB)["moi-alice.md"]
    assert f"ssh -i ~/.ssh/tp -p {container.ssh_port} etudiant@ct1<" in said
    way = '-o "ProxyCommand=ssh -i ~/.ssh/tp -W %h:%p minet-jump@hv1"'
    assert f"ssh -i ~/.ssh/tp {way} alice@{guest.address.ip}<" in unescape(said)


def test_hosts_are_named_as_others_find_them() -> None:
    said = pages(lab_of(ct1="192.0.2.7"))["moi-alice.md"]
    assert "etudiant@192.0.2.7<" in said


def test_guests_on_a_bridge_are_reached_at_once() -> None:
    said = pages(lab_of(bridged=True))["moi-alice.md"]
    assert "ssh -i ~/.ssh/tp alice@192.0.2." in said
    assert "-J" not in said


def test_no_page_has_a_key_or_an_email_address_in_it() -> None:
    for page, text in SITE.pages.items():
        assert "AAAAC3" not in text, page
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
    assert f"listen {PORT};" in config.content
    assert f"root {ROOT};" in config.content
    assert f"location = /{STATUS_FILE} {{\n            root {STATUS_ROOT};" in config.content
    assert config.content.count(f"auth_basic_user_file {USERS_ROOT}/{STUDENTS};") == 1
    assert config.content.count(f"auth_basic_user_file {USERS_ROOT}/{INSTRUCTOR};") == 2
    assert f'"{config.path}"' in server.INSTRUCTIONS[1]


def spec(port: int = 8080, revision: str = SITE.revision) -> SiteSpec:
    return site_spec("minet", server.spec("minet").reference, port, revision)


def state(running: SiteSpec | None, **changed: str) -> list[str]:
    repository, tag = server.spec("minet").reference.split(":")
    lines: list[dict[str, str]] = [NETWORK]
    lines += [{"kind": "image", "identifier": "sha256:1", "repository": repository, "tag": tag}]
    if running:
        container = {"name": running.name, "state": "running", "lab": "minet", "student": ""}
        container |= {"spec": running.digest, "fields": running.fields, **changed}
        lines.append({"kind": "container", **container})
    return [json.dumps(line) for line in lines]


def let_in_by() -> list[str]:
    accounts = (passwords.student("minet", "alice"), passwords.instructor("minet"))
    return [secret for account in accounts for secret in (account.password, account.hashed)]


def users(lab: Lab = LAB) -> list[str]:
    """The users' files, as a host that has them says it."""
    return [f"{sha256(file.content).hexdigest()}  ./{path}" for path, file in specs.site_users(lab).items()]


def serve(
    observed: list[str],
    there: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    known: list[str] | None = None,
) -> Run:
    tar = tmp_path / f"{SITE.revision}.tar.gz"
    tar.write_bytes(b"")
    tar.with_name(f"{tar.name}.sha256").write_text(f"{'0' * 64}  {tar.name}\n")
    monkeypatch.setattr(build, "build", lambda made, progress: tar)  # built for real above
    responses = {STATE: observed, SITES: there, USERS: users() if known is None else known}
    return run_operation(operations.serve, responses, lab=LAB, plan=allocate(LAB), port=8080)


def test_container_can_read_the_site_and_the_status_and_do_nothing_else() -> None:
    options = set(spec().options())
    assert {"--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"} < options
    mount = f"source=/var/lib/minet-lab/minet/site/{SITE.revision},target={ROOT},readonly"
    status = f"source=/var/lib/minet-lab/minet/site/status,target={STATUS_ROOT},readonly"
    users = f"source=/var/lib/minet-lab/minet/access/minet-site,target={USERS_ROOT},readonly"
    mounts = {f"--mount=type=bind,{each}" for each in (mount, status, users)}
    assert {"--publish=8080:8080", *mounts} < options


def test_a_served_site_is_three_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = serve(state(spec()), [SITE.revision, "status"], monkeypatch, tmp_path)
    assert (len(run.commands), run.changed, run.failed) == (3, False, False)


def test_a_changed_sheet_changes_the_site_and_removes_the_old_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = serve(state(spec(revision="old")), ["old", "older.partial", "status"], monkeypatch, tmp_path)
    folder = "/var/lib/minet-lab/minet/site"
    *_, unpack, anew, clean = run.commands
    remove, create = anew.split(" && ")
    assert unpack.startswith(f"echo '{'0' * 64}  {folder}/{SITE.revision}.tar.gz' | sha256sum --check")
    assert unpack.endswith(f"mv -T {folder}/{SITE.revision}.partial {folder}/{SITE.revision}")
    assert remove == "docker container rm --force --volumes minet-site"
    assert create.startswith("docker run --detach --restart=unless-stopped --name=minet-site ")
    assert clean == f"rm -rf {folder}/old {folder}/older.partial"


def test_the_web_server_of_an_earlier_revision_gives_its_port_to_todays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    earlier = state(spec(), name="minet-portal")
    *_, remove, create = serve(earlier, [SITE.revision, "status"], monkeypatch, tmp_path).commands
    assert remove == "docker container rm --force --volumes minet-portal"
    assert create.startswith("docker run --detach --restart=unless-stopped --name=minet-site ")
    run = run_operation(operations.remove, {STATE: earlier, SITES: []}, lab="minet")
    assert run.commands[-1] == remove


def test_a_site_that_somebody_removed_is_received_again_and_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = serve(state(spec()), ["status"], monkeypatch, tmp_path)
    assert run.commands[-1] == "docker container restart minet-site"


def test_the_statuss_folder_is_there_before_what_shows_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = "install --directory --mode=0755 /var/lib/minet-lab/minet/site/status"
    *_, first, second = serve(state(None), [SITE.revision], monkeypatch, tmp_path).commands
    assert first == made
    assert second.startswith("docker run --detach ")
    *_, first, second = serve(state(spec()), [SITE.revision], monkeypatch, tmp_path).commands
    assert (first, second) == (made, "docker container restart minet-site")


def test_another_port_is_another_container_with_the_same_site(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = serve(state(spec(port=8081)), [SITE.revision, "status"], monkeypatch, tmp_path)
    (anew,) = run.commands[3:]
    assert [command.split()[1] for command in anew.split(" && ")] == ["container", "run"]


ENTER = [
    "mkdir -p /var/lib/minet-lab/minet/access && chmod 0700 /var/lib/minet-lab/minet/access",
    "base64 --decode | tar --extract --directory /var/lib/minet-lab/minet/access",
]


def test_another_password_restarts_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = (state(spec()), [SITE.revision, "status"])
    old = users()
    passwords.replace_student("minet", "alice")
    assert serve(*there, monkeypatch, tmp_path, old).commands[3:] == ENTER
    run = run_operation(operations.users, {USERS: old}, lab=LAB)
    assert (run.commands[1:], run.changed) == (ENTER, True)
    for nothing_to_do in (users(), []):
        run = run_operation(operations.users, {USERS: nothing_to_do}, lab=LAB)
        assert (len(run.commands), run.changed) == (1, False)
    run = run_operation(operations.users, {USERS: users()}, lab=LAB.model_copy(update={"students": ()}))
    assert (run.commands[1:], run.changed) == (ENTER, True)


def test_users_are_there_before_what_reads_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    *first, last = serve(state(None), [SITE.revision, "status"], monkeypatch, tmp_path, []).commands[3:]
    assert first == ENTER
    assert last.startswith("docker run --detach ")
    *first, last = serve(state(spec()), [SITE.revision, "status"], monkeypatch, tmp_path, []).commands[3:]
    assert (first, last) == (ENTER, "docker container restart minet-site")


def test_hosts_hold_hashes_which_nginx_can_check_and_no_password() -> None:
    lab = lab_of(Student(login="zoe", name="Zoé"), Student(login="bob", name="Bob", ssh_key=KEY))
    files = {path: file.content.decode() for path, file in specs.site_users(lab).items()}
    assert files.keys() == {f"minet-site/{STUDENTS}", f"minet-site/{INSTRUCTOR}"}
    assert [line.partition(":")[0] for line in files[f"minet-site/{STUDENTS}"].splitlines()] == [
        "bob",
        "zoe",
    ]
    assert files[f"minet-site/{INSTRUCTOR}"] == passwords.instructor("minet").line
    accounts = (passwords.student("minet", "zoe"), passwords.instructor("minet"))
    assert not [each for each in accounts if each.password in "".join(files.values())]
    assert {file.mode for file in specs.site_users(lab).values()} == {0o400}


def test_somebody_elses_container_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = serve(state(spec(), lab=""), [SITE.revision, "status"], monkeypatch, tmp_path)
    assert (run.failed, len(run.commands)) == (True, 3)


def test_image_is_imported_once() -> None:
    run = run_operation(operations.image, {STATE: state(None)}, lab="minet")
    assert (len(run.commands), run.changed) == (1, False)


def test_no_site_leaves_nothing_but_the_image() -> None:
    there = [SITE.revision, "status"]
    run = run_operation(operations.remove, {STATE: state(spec()), SITES: there}, lab="minet")
    folder = "/var/lib/minet-lab/minet/site"
    assert run.commands[2:] == [
        "docker container rm --force --volumes minet-site",
        f"rm -rf {folder}/{SITE.revision} {folder}/status /var/lib/minet-lab/minet/access/minet-site",
    ]
    run = run_operation(operations.remove, {STATE: state(None), SITES: []}, lab="minet")
    assert (len(run.commands), run.changed) == (2, False)


def test_no_site_spares_somebody_elses_container() -> None:
    observed = {STATE: state(spec(), lab="other"), SITES: []}
    assert not run_operation(operations.remove, observed, lab="minet").changed


def test_site_is_no_container_of_a_student_who_left() -> None:
    observed = DockerState().process(state(spec()))
    assert compare("minet", [], observed.containers).unplanned == ()


def test_lab_up_says_where_the_site_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))  # so there is no sandbox host
    real = [
        ContainerHost(name=name, hostname=hostname, settings=ContainerHostSettings(site_port=port))
        for name, hostname, port in (("ct2", "192.0.2.7", 80), ("ct3", None, 8080), ("ct4", None, None))
    ]
    lab = LAB.model_copy(update={"container_hosts": (*LAB.container_hosts, *real)})
    assert sites(lab) == ["http://192.0.2.7:80/", "http://ct3:8080/"]
