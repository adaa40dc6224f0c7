"""Templates to text: a name that nobody gave is an error, and XML and HTML are escaped."""

from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from minetlab.util.paths import TEMPLATES


def render(template: str, **values: Any) -> str:
    """Render a template.

    :param template: its path below ``templates/``; values are escaped in those of XML, HTML
        and SVG (``.xml.j2`` …).
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("xml.j2", "html.j2", "svg.j2"), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
