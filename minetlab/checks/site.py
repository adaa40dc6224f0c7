"""The TP site of a container host, requested on that host as a browser would request it."""

import html
import re
import shlex
from dataclasses import dataclass

from testinfra.host import Host

from minetlab.checks.modules import Reader
from minetlab.resources.site import STATUS_FILE
from minetlab.site.build import Site

# The login x with the password x, which nobody has: with credentials, the web server reads its user file.
_STRANGER = " Authorization: Basic eDp4"
# In Perl, which every Debian has; it need not have curl. A request is a path, and a header if need be. Of the
# answers, it prints the status line, the lines with the page's title and revision, and links to sheets.
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

    :param status: first line of the answer, or why there was none.
    :param title: title of the page; empty: it has none.
    :param revision: revision of the site that the page states; empty: it states none.
    :param sheets: paths of the sheets to which the page has links.
    """

    status: str
    title: str
    revision: str
    sheets: frozenset[str]

    @property
    def code(self) -> int:
        """The HTTP status; 0: there was no answer."""
        return int(_first(r"^HTTP/1\.[01] ([0-9]{3})\b", self.status) or 0)


@dataclass(frozen=True)
class ServedSite:
    """The TP site as a host serves it.

    :param port: port of the host on which it is served.
    :param site: what the site has to show.
    """

    port: int
    site: Site

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that everybody may see: the home page, and every sheet."""
        return ("/", *(f"/{sheet.page}" for sheet in self.site.sheets))

    @property
    def refused(self) -> dict[str, int]:
        """The requests that have to be refused, and the HTTP status of the answer.

        They come without a password, or with a wrong one, or ask for a student's page by its file name.
        """
        answers = (f"/{sheet.answers_page}" for sheet in self.site.sheets if sheet.answers)
        guarded = ("/moi", "/formateur", *answers, f"/{STATUS_FILE}")
        without_access = [f"{path}{header}" for path in guarded for header in ("", _STRANGER)]
        student_pages = [f"/{name[:-3]}" for name in self.site.pages if name.startswith("moi-")]
        return dict.fromkeys(without_access, 401) | dict.fromkeys(student_pages, 404)

    @property
    def command(self) -> str:
        """The command that sends all requests, on the host."""
        return shlex.join(
            ["perl", "-MIO::Socket::INET", "-e", _FETCH, str(self.port), *self.paths, *self.refused]
        )

    def pages(self, host: Host) -> dict[str, Page]:
        """Request all pages on the host, and return what it answers to each request."""
        _, *parts = re.split(r"^GET (.+)\n", Reader.on(host).read(self.command), flags=re.MULTILINE)
        requests, answers = parts[::2], parts[1::2]
        return {request: _page(answer) for request, answer in zip(requests, answers, strict=True)}


def _page(answer: str) -> Page:
    status, _, rest = answer.partition("\n")
    return Page(
        status,
        html.unescape(_first(r"<h1[^>]*>(.*?)</h1>", rest)),
        _first(r'name="revision" content="([^"]*)"', rest),
        frozenset(re.findall(r'href="(tp/[^"#]+)"', rest)),
    )


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""
