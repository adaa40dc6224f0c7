"""What a hostile machine may answer, made at random from a seed: texts, tar archives, consoles."""

import io
import tarfile
from random import Random

FRAGMENTS = (
    # What controls a terminal, turns the direction of letters, or pretends to be another line.
    "\x1b[2J", "\x1b]0;title\x07", "\x1bP+q\x1b\\", "\x9b1A", "\x9d8;;http://x\x9c", "\x1b[31m", "\x1b[",
    "\r", "\r\n", "\n", "\x85", "\u2028", "\u202e", "\u2066", "\x00", "\x08\x08", "\x7f", "\x0b", "\x0c",
    # What is special to who parses or shows it.
    "@", "@@system", "@/etc/passwd", "[red]", "[/b]", ":smile:", "{{ x }}", "{0}", "%s%n", "<script>",
    "&amp;",
    "</pre>", "]]>", "\\", '"', "'", "$(id)", "`id`", ";", "|", "\t", " ", "=", ":", ",", "#", "-", "--help",
    "\x1e", "PASSED", "FAILED test_x[minet-bob]", "=== 3 passed ===", "→", "…",
    # Letters and numbers that are not what they seem.
    "e" + "\u0301" * 40, "\ufdd0", "\uffff", "\udcff", "\ud800", "日本", "😀", "ﷺ", "\u200d", "\uff11", "²",
    "nan", "inf", "-1", "-0", "1e999", "9" * 30, "0x10", "True", "null", "None", "",
)  # fmt: skip
LONG = 200_000
"""Characters of a long text; a whole answer may have 4 MB, which takes as much longer."""


def text(random: Random, recorded: str = "") -> str:
    """A hostile text.

    :param recorded: what a good machine answered, of which a part may be in it.
    """
    return random.choice((_fragments, _changed, _nested, _long, _cut))(random, recorded)


def data(random: Random, recorded: str = "") -> bytes:
    """The same as bytes, which need not be UTF-8."""
    encoded = text(random, recorded).encode("utf-8", "surrogatepass")
    return (
        encoded
        if random.random() < 0.5
        else encoded[: random.randrange(len(encoded) + 1)] + random.randbytes(9)
    )


def _fragments(random: Random, _: str) -> str:
    return "".join(random.choices(FRAGMENTS, k=random.randrange(60)))


def _changed(random: Random, recorded: str) -> str:
    """What was recorded, with fragments in place of some of its parts."""
    changed = recorded
    for _ in range(random.randrange(1, 6)):
        start = random.randrange(len(changed) + 1)
        changed = changed[:start] + random.choice(FRAGMENTS) + changed[start + random.randrange(20) :]
    return changed


def _cut(random: Random, recorded: str) -> str:
    start, end = sorted(random.randrange(len(recorded) + 1) for _ in range(2))
    return recorded[start:end]


def _nested(random: Random, _: str) -> str:
    opening, closing = random.choice((("[", "]"), ('{"a":', "}"), ("<a>", "</a>"), ("(", ")")))
    depth = random.choice((3, 900, 5000))
    return opening * depth + random.choice(FRAGMENTS) + closing * random.choice((0, depth))


def _long(random: Random, recorded: str) -> str:
    part = random.choice(FRAGMENTS) or recorded[:100] or "x"
    repeated = random.choice((part, f"{part}\n", f"{part} ", f"{recorded[:200]}{part}"))
    return repeated * (random.choice((1000, LONG)) // len(repeated) + 1)


_KINDS = (
    tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE,
    tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE, tarfile.AREGTYPE, b"Z",
)  # fmt: skip
_NAMES = (
    "file",
    "./file",
    "folder",
    "folder/file",
    "../out",
    "/etc/passwd",
    "a/../../b",
    ".",
    "",
    "-rf",
    "n" * 300,
    "d/" * 300,
)


def archive(random: Random) -> bytes:
    """A tar archive, of which no entry need be as tar makes it, and some bytes need not be of tar at all."""
    written = io.BytesIO()
    form = random.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT))
    with tarfile.open(fileobj=written, mode="w", format=form, errors="surrogateescape") as tar:
        for _ in range(random.randrange(1, 12)):
            try:
                tar.addfile(*_entry(random))
            except (ValueError, UnicodeError, OverflowError):  # no such entry in this format
                continue
    made = bytearray(written.getvalue())
    for _ in range(random.choice((0, 0, 1, 3, 20))):
        made[random.randrange(len(made))] = random.randrange(256)
    return bytes(made[: random.choice((len(made), random.randrange(len(made) + 1)))])


def _entry(random: Random) -> tuple[tarfile.TarInfo, io.BytesIO]:
    entry = tarfile.TarInfo(random.choice((*_NAMES, _fragments(random, "")[:200])))
    entry.type = random.choice(_KINDS)
    entry.linkname = random.choice((*_NAMES, "", _fragments(random, "")[:200]))
    content = random.randbytes(random.choice((0, 10, 2000)))
    entry.size = len(content) if entry.isreg() else 0
    entry.mode = random.choice((0, 0o644, 0o4777, 0o7777777))
    entry.mtime = random.choice((0, -5, 2**40, 1_700_000_000))
    if random.random() < 0.2:
        keys = ("path", "linkpath", "size", "mtime", "GNU.sparse.map", "GNU.sparse.major", "hdrcharset")
        entry.pax_headers = {random.choice(keys): random.choice(FRAGMENTS)}
    return entry, io.BytesIO(content)
