"""The TP site of a container host, asked for on that host as a browser would ask."""

import html
import re
import shlex
from dataclasses import dataclass

from testinfra.host import Host

from minetlab.checks.modules import Reader
from minetlab.resources.site import STATUS_FILE
from minetlab.site.build import Site

# Whom no user file knows, x:x. Only with a name given does the web server look into one.
_STRANGER = " Authorization: Basic eDp4"
# Perl is in every Debian, curl is not. Of each answer: the status, what names the page, and links to sheets.
_FETCH = """\
alarm 60; $port = shift;
for $request (@ARGV) {
  print "GET $request\\n";
  ($path, $header) = (split(" ", $request, 2), "Accept: */*");
  $site = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port, Timeout => 10);
  $site or print("$!\\n"), next;
  print $site "GET $path HTTP/1.0\\r\\nHost: site\\r\\n$header\\r\\n\\r\\n";
  $. = 0; while (<$site>) { s/\\r//; print if $. == 1 or /name="revision"|<h1|href="tp\\// }
}"""


@dataclass(frozen=True)
class Page:
    """What a site answered to one request.

    :param status: the first line of the answer, or why there was none.
    :param title: of the page; empty: it has none.
    :param revision: of the site, by the page; empty: it says none.
    :param sheets: the paths of the sheets that it has links to.
    """

    status: str
    title: str
    revision: str
    sheets: frozenset[str]

    @property
    def code(self) -> int:
        """The HTTP status; 0: there was no answer."""
        answered = re.match(r"HTTP/1\.[01] ([0-9]{3})\b", self.status)
        return int(answered[1]) if answered else 0


@dataclass(frozen=True)
class ServedSite:
    """A site, and the port of its host on which it is served."""

    port: int
    site: Site

    @property
    def paths(self) -> tuple[str, ...]:
        """What everybody gets: the home page, and every sheet."""
        return ("/", *(f"/{sheet.page}" for sheet in self.site.sheets))

    @property
    def refused(self) -> dict[str, int]:
        """What nobody gets who has no password, or a wrong one, with the HTTP status that says so.

        Nor does anybody get a student's page by its name.
        """
        guarded = ("/moi", "/formateur", f"/{STATUS_FILE}")
        students = (f"/{name[:-3]}" for name in self.site.pages if name.startswith("moi-"))
        asked = dict.fromkeys((f"{path}{by}" for path in guarded for by in ("", _STRANGER)), 401)
        return asked | dict.fromkeys(students, 404)

    @property
    def command(self) -> str:
        """The command that asks for it, on its host."""
        return shlex.join(
            ["perl", "-MIO::Socket::INET", "-e", _FETCH, str(self.port), *self.paths, *self.refused]
        )

    def pages(self, host: Host) -> dict[str, Page]:
        """What the host answers: path, or what was asked for, to page."""
        answers = re.split(r"^GET (.+)\n", Reader.on(host).read(self.command), flags=re.MULTILINE)[1:]
        return {path: _page(answer) for path, answer in zip(answers[::2], answers[1::2], strict=True)}


def _page(answer: str) -> Page:
    status, _, rest = answer.partition("\n")
    return Page(
        status,
        html.unescape(_first(r"<h1[^>]*>(.*?)</h1>", rest)),
        _first(r'name="revision" content="([^"]*)"', rest),
        frozenset(re.findall(r'href="(tp/[^"#]+)"', rest)),
    )


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
