"""Sphinx's configuration for the site; what differs between labs is given on its command line."""

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
# Sheets are shown as they are written, including the quotation marks.
smartquotes = False


def setup(app: Sphinx) -> None:
    """Colour the commands of sheets with their own lexer."""
    app.add_lexer("console", SheetLexer)
    app.connect("builder-inited", _leave_out)


def _leave_out(app: Sphinx) -> None:
    """Leave out the search, which needs scripts, and whatever would put other files into a sheet."""
    setattr(app.builder, "search", False)  # noqa: B010 (it is an attribute of builders for HTML alone)
    # A TP's folder may come from somebody else: its sheet must not show files of this machine.
    app.env.settings["file_insertion_enabled"] = False
