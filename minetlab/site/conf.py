"""Sphinx's configuration for the site; what differs from lab to lab comes by the command line."""

from sphinx.application import Sphinx

from minetlab.site.lexer import SheetLexer
from minetlab.util.paths import TEMPLATES

language = "fr"
extensions = ["myst_parser"]
myst_heading_anchors = 2
html_theme = "theme"
html_theme_path = [str(TEMPLATES / "site")]
html_copy_source = False
html_use_index = False
html_permalinks = False
# A sheet is shown as it is written, quotation marks included.
smartquotes = False


def setup(app: Sphinx) -> None:
    """Have sheets coloured by their own grammar, and nothing made that takes scripts, such as a search."""
    app.add_lexer("console", SheetLexer)
    app.connect("builder-inited", lambda app: setattr(app.builder, "search", False))
