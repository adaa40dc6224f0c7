"""How a host comes to serve the TP site, and who is let in: on a host that answers from a script."""

import gzip
import json
from pathlib import Path

import pytest

from minetlab.facts.docker import DockerState
from minetlab.lab import ContainerHost, ContainerHostSettings, Lab, Student
from minetlab.operations import site as operations, specs
from minetlab.plan import allocate
from minetlab.resources.access import AccessFile, archive
from minetlab.resources.docker import ANY_ADDRESS, compare
from minetlab.resources.site import (
    INSTRUCTOR,
    SECRETS_ROOT,
    SITE_ROOT,
    STATUS_ROOT,
    STUDENTS,
    SiteSpec,
)
from minetlab.secrets import certificates, passwords
from minetlab.secrets.certificates import site_certificate
from minetlab.site import build, server
from minetlab.util.paths import state_dir
from tests.support.certificates import self_signed
from tests.support.fake_host import Run, run_operation
from tests.support.site_lab import KEY, LAB, SITE, lab_of

STATE, SITES = "docker container ls", "cd /var/lib/minet-lab/minet/site"
USERS = "cd /var/lib/minet-lab/minet/access"
NETWORK = {"kind": "network", "name": "minet", "lab": "minet"}
PAGES = gzip.compress(archive({"./formateur.html": AccessFile(b"all machines", 0o644)}))


def spec(port: int = 8080, revision: str = SITE.revision) -> SiteSpec:
    return SiteSpec("minet-site", server.spec("minet").reference, "minet", ANY_ADDRESS, port, revision)


def state(running: SiteSpec | None, **changed: str) -> list[str]:
    repository, tag = server.spec("minet").reference.split(":")
    lines: list[dict[str, str]] = [NETWORK]
    lines += [{"kind": "image", "identifier": "sha256:1", "repository": repository, "tag": tag}]
    if running:
        container = {"name": running.name, "state": "running", "lab": "minet", "student": ""}
        container |= {"spec": running.digest, "fields": running.fields, **changed}
        lines.append({"kind": "container", **container})
    return [json.dumps(line) for line in lines]


def users(lab: Lab = LAB) -> list[str]:
    """The site's passwords and certificate, as a host that has them says it."""
    files = specs.site_users(lab) | specs.site_tls(lab, lab.container_hosts[0])
    digests = [f"sha256 {file.observed.sha256}  ./{path}" for path, file in files.items()]
    return [*digests, *(f"owner {file.owner} ./{path}" for path, file in files.items())]


def serve(
    observed: list[str],
    there: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    known: list[str] | None = None,
    *,
    mode: str = "700",
    container_host: ContainerHost = LAB.container_hosts[0],
) -> Run:
    tar = tmp_path / f"{SITE.revision}.tar.gz"
    tar.write_bytes(PAGES)
    monkeypatch.setattr(build, "build", lambda made, progress: tar)  # built for real above
    responses = {STATE: observed, SITES: [mode, *there], USERS: users() if known is None else known}
    return run_operation(
        operations.serve, responses, lab=LAB, plan=allocate(LAB), container_host=container_host
    )


def test_container_can_read_the_site_and_the_status_and_do_nothing_else() -> None:
    options = set(spec().options())
    assert {"--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"} < options
    mount = f"source=/var/lib/minet-lab/minet/site/{SITE.revision},target={SITE_ROOT},readonly"
    status = f"source=/var/lib/minet-lab/minet/site/status,target={STATUS_ROOT},readonly"
    users = f"source=/var/lib/minet-lab/minet/access/minet-site,target={SECRETS_ROOT},readonly"
    mounts = {f"--mount=type=bind,{each}" for each in (mount, status, users)}
    assert {"--publish=0.0.0.0:8080:8080", *mounts} < options


def test_a_served_site_is_three_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = serve(state(spec()), [SITE.revision, "status"], monkeypatch, tmp_path)
    assert (len(run.commands), run.idle) == (3, True)


def test_a_changed_sheet_changes_the_site_and_removes_the_old_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = serve(state(spec(revision="old")), ["old", "older.partial", "status"], monkeypatch, tmp_path)
    folder = "/var/lib/minet-lab/minet/site"
    *_, unpack, anew, clean = run.commands
    remove, create = anew.split(" && ")
    partial = f"{folder}/{SITE.revision}.partial"
    assert unpack == (
        f"base64 --decode | (rm -rf {partial} && mkdir {partial} && "
        f"tar --extract --gzip --no-same-owner --directory {partial} && "
        f"mv -T {partial} {folder}/{SITE.revision} )"
    )
    assert run.files == {"./formateur.html": b"all machines"}, "on standard input, not in /var/tmp"
    assert remove == "docker container rm --force --volumes minet-site"
    assert create.startswith("docker run --detach --restart=unless-stopped --name=minet-site ")
    assert clean == f"rm -rf {folder}/old {folder}/older.partial"


def test_pages_that_others_could_read_are_shut_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As they were before; and before there is any page."""
    shut = "install --directory --mode=0700 /var/lib/minet-lab/minet/site"
    run = serve(state(spec()), [SITE.revision, "status"], monkeypatch, tmp_path, mode="755")
    assert run.commands[3:] == [shut]
    first, unpack, *_ = serve(state(None), [], monkeypatch, tmp_path, mode="").commands[3:]
    assert (first, unpack.split()[0]) == (shut, "base64")


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


def test_what_else_is_there_does_not_restart_the_web_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An old revision goes, and keys of containers are beside the site's passwords."""
    there = [SITE.revision, "old", "status"]
    known = [*users(), f"sha256 {64 * '0'}  ./minet-alice-isa/host_key"]
    run = serve(state(spec()), there, monkeypatch, tmp_path, known)
    assert run.commands[3:] == ["rm -rf /var/lib/minet-lab/minet/site/old"]


@pytest.mark.parametrize("port", range(8081, 8087))
def test_a_web_server_that_is_made_anew_is_not_restarted(
    port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = serve(state(spec(port=port)), ["status"], monkeypatch, tmp_path)
    assert run.commands[-1].startswith("docker container rm --force --volumes minet-site && docker run ")


@pytest.mark.parametrize("operation", ["serve", "users"])
def test_passwords_that_cannot_be_read_fail_the_host(
    operation: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = users()
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    passwords.student("minet", "alice")
    (tmp_path / "labs/minet/passwords/students/alice").write_text("")
    if operation == "serve":
        run = serve(state(spec()), [SITE.revision, "status"], monkeypatch, tmp_path, known)
        assert (run.failed, len(run.commands)) == (True, 3)
    else:
        run = run_operation(operations.users, {USERS: known}, lab=LAB)
        assert (run.failed, len(run.commands)) == (True, 1)
    assert "→" in caplog.text, "and what to do is said"


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
        assert (len(run.commands), run.idle) == (1, True)
    run = run_operation(operations.users, {USERS: users()}, lab=LAB.model_copy(update={"students": ()}))
    assert (run.commands[1:], run.changed) == (ENTER, True)


def test_users_are_there_before_what_reads_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    *first, last = serve(state(None), [SITE.revision, "status"], monkeypatch, tmp_path, []).commands[3:]
    assert first == ENTER
    assert last.startswith("docker run --detach ")
    *first, last = serve(state(spec()), [SITE.revision, "status"], monkeypatch, tmp_path, []).commands[3:]
    assert (first, last) == (ENTER, "docker container restart minet-site")


def test_another_certificate_is_taken_up_without_a_restart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = (state(spec()), [SITE.revision, "status"])
    old = users()
    (state_dir() / "labs" / "minet" / "certificates" / "hosts" / "ct1.pem").unlink()
    run = serve(*there, monkeypatch, tmp_path, old)
    assert run.commands[3:] == [*ENTER, "docker container kill --signal=HUP minet-site"]
    certificate = site_certificate(LAB, LAB.container_hosts[0])
    assert run.files == {
        "minet-site/certificate.pem": certificate.chain.encode(),
        "minet-site/key.pem": certificate.key.encode(),
    }
    assert "PRIVATE KEY" not in "".join(run.commands)
    assert serve(*there, monkeypatch, tmp_path).idle


def test_only_the_web_server_reads_the_key() -> None:
    files = specs.site_tls(LAB, LAB.container_hosts[0])
    assert {(file.mode, file.owner) for file in files.values()} == {(0o400, 33)}


def test_a_certificate_of_group_data_that_is_not_good_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = self_signed(tmp_path / "other", "elsewhere.example.org")
    settings = ContainerHostSettings(site_certificate=files)
    host = ContainerHost(name="@sandbox/ct1", settings=settings)
    run = serve(state(spec()), [SITE.revision, "status"], monkeypatch, tmp_path, container_host=host)
    assert (run.failed, len(run.commands)) == (True, 3)
    assert "is not for ct1, but for elsewhere.example.org" in caplog.text


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
    assert (len(run.commands), run.idle) == (1, True)


def test_no_site_leaves_nothing_but_the_image() -> None:
    there = ["700", SITE.revision, "status"]
    run = run_operation(operations.remove, {STATE: state(spec()), SITES: there}, lab="minet")
    folder = "/var/lib/minet-lab/minet/site"
    assert run.commands[2:] == [
        "docker container rm --force --volumes minet-site",
        f"rm -rf {folder}/{SITE.revision} {folder}/status /var/lib/minet-lab/minet/access/minet-site",
    ]
    run = run_operation(operations.remove, {STATE: state(None), SITES: []}, lab="minet")
    assert (len(run.commands), run.idle) == (2, True)


def test_no_site_spares_somebody_elses_container() -> None:
    observed = {STATE: state(spec(), lab="other"), SITES: []}
    assert not run_operation(operations.remove, observed, lab="minet").changed


def test_site_is_no_container_of_a_student_who_left() -> None:
    observed = DockerState().process(state(spec()))
    assert compare("minet", [], observed.containers).unplanned == ()


def test_a_replaced_ca_reaches_the_web_server_and_no_host_without_a_site() -> None:
    container_host = LAB.container_hosts[0]
    old = users()
    idle = run_operation(operations.certificate, {USERS: old}, lab=LAB, container_host=container_host)
    assert (len(idle.commands), idle.idle) == (1, True)
    certificates.forget_authority("minet")
    run = run_operation(operations.certificate, {USERS: old}, lab=LAB, container_host=container_host)
    assert run.commands[1:] == [*ENTER, "docker container kill --signal=HUP minet-site"]
    assert run.files.keys() == {"minet-site/certificate.pem", "minet-site/key.pem"}
    elsewhere = run_operation(operations.certificate, {USERS: []}, lab=LAB, container_host=container_host)
    assert (len(elsewhere.commands), elsewhere.idle) == (1, True)
