"""Draw the packages of the architecture page from the code, as ``python docs/architecture.py`` does.

The order is that of the import contract in pyproject.toml, the sentences are those of the packages'
docstrings, and the arcs are imports. A unit test compares what is committed with what this makes.
"""

import ast
import tomllib
from collections import defaultdict
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURE = ROOT / "docs" / "architecture.md", ROOT / "docs" / "architecture.svg"
BEGIN, END = "<!-- packages: made by docs/architecture.py -->", "<!-- end of packages -->"
LINE, NAMES, WIDTH = 26, 110, 420
"""Pixels: between two packages, for their names, and of the picture."""
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"
 role="img" aria-label="The packages in order, with an arc from each to those that it builds upon">
<style>
svg {{ background: #fff; font: 14px sans-serif; text-anchor: end }}
path {{ fill: none; stroke: #1f5f8b; stroke-width: 1.5 }}
</style>"""


def packages() -> list[str]:
    """Return the packages in the order of the import contract, the one that imports from all others first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract, *_ = settings["tool"]["importlinter"]["contracts"]
    return list(contract["layers"])


def sentence(package: str) -> str:
    """Return the first sentence of a package's docstring."""
    source = (ROOT / "minetlab" / package / "__init__.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0].replace("``", "`")


def imports() -> set[tuple[str, str]]:
    """Return which package imports from which."""
    graph, order = grimp.build_graph("minetlab", cache_dir=None), packages()
    pairs = {
        (importer.split(".")[1], imported.split(".")[1])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if importer.count(".") and imported.count(".")
    }
    return {pair for pair in pairs if pair[0] in order and pair[0] != pair[1]}


def steps(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those imports that do not follow from others."""
    below: defaultdict[str, set[str]] = defaultdict(set)
    for package in reversed(packages()):
        for imported in (to for of, to in pairs if of == package):
            below[package] |= {imported, *below[imported]}
    return {
        (of, to) for of, to in pairs if not any(to in below[other] for start, other in pairs if start == of)
    }


def table() -> str:
    """Return the packages as a table in Markdown."""
    rows = [f"| `{package}` | {sentence(package)} |" for package in packages()]
    return "\n".join(["| package | what it is |", "|---|---|", *rows])


def picture() -> str:
    """Return the packages as a column in SVG, with an arc from each to those that it builds upon."""
    order = packages()
    place = {package: LINE * (number + 1) for number, package in enumerate(order)}
    lines = [SVG.format(width=WIDTH, height=LINE * (len(order) + 1))]
    for importer, imported in sorted(steps(imports())):
        top, bottom = place[importer], place[imported]
        reach = round(NAMES + 20 + 0.72 * (bottom - top))
        curve = f"M{NAMES} {top}C{reach} {top} {reach} {bottom} {NAMES} {bottom}"
        lines.append(f'<path d="{curve}"><title>{importer} → {imported}</title></path>')
    lines += [f'<text x="{NAMES - 8}" y="{place[package] + 4}">{package}</text>' for package in order]
    return "\n".join([*lines, "</svg>", ""])


def page() -> str:
    """Return the architecture page with the table of today."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page())
    PICTURE.write_text(picture())
