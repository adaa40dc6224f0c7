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
TABLES = ("packages", "resources")
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


def package_table() -> str:
    """Return the packages as a table in Markdown."""
    rows = [f"| `{package}` | {sentence(package)} |" for package in packages()]
    return "\n".join(["| package | what it is |", "|---|---|", *rows])


def resource_table() -> str:
    """Return what has the name of a resource, and its operations, as a table in Markdown."""
    rows = []
    for module in sorted((ROOT / "minetlab" / "operations").glob("*.py")):
        if names := operations(module):
            word = module.stem
            fact, pure = (
                f"`{package}/{word}.py`" if (ROOT / "minetlab" / package / module.name).exists() else ""
                for package in ("facts", "resources")
            )
            rows.append(f"| {word} | {fact} | {pure} | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(["| word | fact | pure part | operations |", "|---|---|---|---|", *rows])


def operations(module: Path) -> list[str]:
    """Return the names of the operations in a module."""
    functions = [node for node in ast.parse(module.read_text()).body if isinstance(node, ast.FunctionDef)]
    return [
        function.name
        for function in functions
        if any(ast.unparse(decorator) == "lab_operation" for decorator in function.decorator_list)
    ]


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
    """Return the architecture page with the tables of today."""
    text = PAGE.read_text()
    for name, table in zip(TABLES, (package_table(), resource_table()), strict=True):
        begin, end = f"<!-- {name}: made by docs/architecture.py -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page())
    PICTURE.write_text(picture())
