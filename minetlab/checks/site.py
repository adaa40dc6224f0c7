"""The TP site of a container host, requested on that host as a browser would request it."""

import html
import ipaddress
import re
import shlex
from dataclasses import dataclass

from testinfra.host import Host

from minetlab.checks.modules import Reader
from minetlab.resources.site import STATUS_FILE, secrets_folder, sites_folder
from minetlab.site.build import Site

# The login x with the password x, which nobody has: with credentials, the web server reads its user file.
_STRANGER = " Authorization: Basic eDp4"
# All requests go through one connection. Of each answer, this prints the status line, the lines with the
# page's title and revision, and links to sheets; of a connection that fails, what openssl says of it. It is
# in Perl, which every Debian has.
_ANSWERS = """\
for $request (@ARGV) {
  print "GET $request\\n";
  $status = ""; while (<STDIN>) { s/\\r//; $status = $_; last if /^HTTP/ }
  print $status || "no answer\\n";
  $length = 0; while (<STDIN>) { last if /^\\r?$/; $length = $1 if /^content-length: ([0-9]+)/i }
  read STDIN, $page, $length;
  print map "$_\\n", grep /name="revision"|<h1|href="tp\\//, split /\\n/, $page;
}"""
OLD_VERSIONS = ("-tls1", "-tls1_1")
"""The versions of TLS that nobody should speak any more, as options of openssl: RFC 8996."""
REFUSED = "SSL alert number 70"
"""What openssl says if the server refuses the version of TLS: RFC 8446, 6.2, protocol_version."""
# Debian's own settings keep openssl from offering them.
_OFFER = "-cipher DEFAULT:@SECLEVEL=0"
LED = "/connexion.html"
"""A page, to ask for it without TLS."""
# Where such a request is led.
_REDIRECTION = """\
alarm 60; $site = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]", Timeout => 10) or die "$!\\n";
print $site "GET $ARGV[1] HTTP/1.0\\r\\nHost: site\\r\\n\\r\\n";
while (<$site>) { s/\\r//; last if /^$/; print if $. == 1 or /^Location/ }"""


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

    :param lab: name of the lab.
    :param port: port of the host on which it is served.
    :param site: what the site has to show.
    :param name: the host's name or address, for which its certificate has to be.
    :param anchor: in PEM, the CA that has to have signed the certificate, or the certificate itself.
    """

    lab: str
    port: int
    site: Site
    name: str
    anchor: str

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
    def commands(self) -> tuple[str, ...]:
        """All commands that look at it."""
        return (self.command, self.tls_command, self.plain_command, self.folders_command)

    @property
    def command(self) -> str:
        """The command that sends all requests over TLS, on the host, to a server that proves who it is."""
        requests = (*self.paths, *self.refused)
        words = [word for request in requests for word in _words(request)]
        # printf repeats its format for each two words. The last request ends the connection.
        sent = (
            rf"{{ printf 'GET %s HTTP/1.1\r\nHost: site\r\n%s\r\n\r\n' {shlex.join(words)}; "
            r"printf 'GET / HTTP/1.0\r\n\r\n'; }"
        )
        read = f"perl -e {shlex.quote(_ANSWERS)} {shlex.join(requests)}"
        return f"{sent} | {self._client('-quiet -verify_quiet -verify_return_error')} 2>&1 | {read}"

    @property
    def tls_command(self) -> str:
        """The command that shows what the server proves, and what it says to old versions of TLS."""
        kept = "grep -E '^(Verif|New, )|alert number|errno|error' || true"
        offers = {"today": "", **{old: f"{old} {_OFFER}" for old in OLD_VERSIONS}}
        return "; ".join(
            f"echo {name}: $(: | {self._client(options)} 2>&1 | {kept})" for name, options in offers.items()
        )

    @property
    def plain_command(self) -> str:
        """The command that shows where a request without TLS is led."""
        program = shlex.quote(_REDIRECTION)
        return f"perl -MIO::Socket::INET -e {program} {self.port} {LED} 2>&1"

    @property
    def folders_command(self) -> str:
        """The command that shows whether another account of the host gets into the site's folders."""
        folders = shlex.join([sites_folder(self.lab), secrets_folder(self.lab)])
        return f"""\
for folder in {folders}; do
  state=closed; test -d $folder || state=missing
  /usr/sbin/runuser --user nobody -- sh -c 'test -r "$1" || test -x "$1"' sh $folder && state=open
  echo $state $folder
done"""

    def pages(self, host: Host) -> dict[str, Page]:
        """Request all pages on the host, and return what it answers to each request."""
        _, *parts = re.split(r"^GET (.+)\n", Reader.on(host).read(self.command), flags=re.MULTILINE)
        requests, answers = parts[::2], parts[1::2]
        return {request: _page(answer) for request, answer in zip(requests, answers, strict=True)}

    def _client(self, options: str) -> str:
        """Return the command that sends what it reads to the server, and trusts the anchor alone."""
        try:
            name = f"-verify_ip {ipaddress.ip_address(self.name)}"
        except ValueError:
            name = f"-verify_hostname {shlex.quote(self.name)}"
        # The anchor may be the certificate itself.
        trust = f"-CAfile /dev/fd/3 -no-CApath -no-CAstore -partial_chain {name}"
        client = f"timeout 60 openssl s_client {options} -connect 127.0.0.1:{self.port} {trust}"
        # Standard input is what is sent, so the anchor comes by another descriptor.
        return f"{{ printf %s {shlex.quote(self.anchor)} | {client} 3<&0 <&4; }} 4<&0"


def _words(request: str) -> tuple[str, str]:
    """Return the path and the header of a request."""
    path, _, header = request.partition(" ")
    return path, header or "Accept: */*"


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
