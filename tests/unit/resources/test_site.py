"""The TP site's container: what it may read, and on which port it answers."""

from minetlab.resources.docker import DockerObserved, ObservedContainer
from minetlab.resources.site import SiteSpec, site_url, status_folder, web_servers

FOLDER = "/var/lib/minet-lab/minet"


def spec_on(port: int, revision: str, address: str = "0.0.0.0") -> SiteSpec:  # noqa: S104 (as Docker has it)
    return SiteSpec("minet-site", "minet/site:0123", "minet", address, port, revision)


def test_it_reads_one_revision_the_status_and_the_secrets_and_writes_nothing() -> None:
    options = spec_on(80, "abc").options()
    mounts = [option for option in options if option.startswith("--mount")]
    assert mounts == [
        f"--mount=type=bind,source={FOLDER}/site/abc,target=/srv/site,readonly",
        f"--mount=type=bind,source={FOLDER}/site/status,target=/srv/status,readonly",
        f"--mount=type=bind,source={FOLDER}/access/minet-site,target=/srv/secrets,readonly",
    ]
    assert {"--read-only", "--cap-drop=ALL", "--memory=256m", "--pids-limit=16"} <= set(options)
    assert {"--publish=0.0.0.0:80:8080", "--name=minet-site", "--network=minet"} <= set(options)


def test_another_revision_port_or_address_is_another_container_and_the_status_stays() -> None:
    spec = spec_on(80, "abc")
    others = [
        spec_on(81, "abc"),
        spec_on(80, "abd"),
        spec_on(80, "abc", "192.0.2.7"),
    ]
    assert len({spec.digest, *(other.digest for other in others)}) == 4
    assert all(status_folder("minet") in " ".join(other.options()) for other in others)


def test_it_answers_where_group_data_say_and_to_the_host_itself() -> None:
    published = [option for option in spec_on(80, "abc", "192.0.2.7").options() if "publish" in option]
    assert published == ["--publish=192.0.2.7:80:8080", "--publish=127.0.0.1:80:8080"]


def test_its_address_is_as_short_as_browsers_allow() -> None:
    assert site_url("ct1.example.org", 8080) == "https://ct1.example.org:8080/"
    assert site_url("192.0.2.7", 443) == "https://192.0.2.7/"
    assert site_url("2001:db8::7", 8080) == "https://[2001:db8::7]:8080/"


def test_only_the_labs_own_web_servers_are_found_under_their_present_and_former_names() -> None:
    containers = {
        name: ObservedContainer(name, "running", lab)
        for name, lab in (("minet-site", "minet"), ("minet-portal", "minet"), ("minet-a-isa", "minet"))
    }
    assert web_servers("minet", DockerObserved(containers=containers)) == ["minet-site", "minet-portal"]
    assert web_servers("other", DockerObserved(containers=containers)) == []
    theirs = {"minet-site": ObservedContainer("minet-site", "running", "other")}
    assert web_servers("minet", DockerObserved(containers=theirs)) == []
