"""Settings of the documentation: ``make docs`` builds it into docs/_build/html."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from docutils import nodes

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from _progress import announce_example, say  # noqa: E402
from _reference import write_reference  # noqa: E402

import skautoal  # noqa: E402

project = "skautoal"
author = "the skautoal developers"
copyright = f"2026, {author}"
version = release = skautoal.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "_mathml",
    "_progress",
]
# No intersphinx: it would fetch the inventories of other projects while building.

exclude_patterns = ["_build", "auto_examples/*.ipynb", "**/GALLERY_HEADER.rst"]
suppress_warnings = ["config.cache"]  # sphinx-gallery's settings hold functions
smartquotes = False  # quotes in messages and types are code
nitpicky = True
# Names of other projects have nowhere to lead; our own must lead somewhere.
nitpick_ignore_regex = [(r"py:.*", r"(?!skautoal\b).*")]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
math_numfig = False

toc_object_entries_show_parents = "hide"
autosummary_generate = False  # docs/_reference.py writes the pages
autodoc_typehints = "none"  # numpydoc's sections name the types
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# The gallery begins with what most people come for; what is not named here comes last.
GALLERY = (
    "plot_text.py",
    "plot_images.py",
    "plot_tabular.py",
    "plot_from_zero.py",
    "plot_campaign.py",
    "plot_weights.py",
    "loop_plain.py",
    "loop_pipeline.py",
    "loop_modal.py",
    "loop_skactiveml.py",
)


def _place_in_gallery(file_name: str) -> tuple[int, str]:
    return (GALLERY.index(file_name) if file_name in GALLERY else len(GALLERY), file_name)


class GalleryOrder:
    """Order of the pages of the gallery; sphinx-gallery calls it with a file name."""

    def __call__(self, filename: str) -> object:
        return _place_in_gallery(filename)

    def __repr__(self) -> str:
        return "GalleryOrder()"  # sphinx-gallery compares it with that of the last build


sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"[/\\](plot|loop)_",
    "ignore_pattern": r"^(?!plot_|loop_)",
    "doc_module": ("skautoal",),
    "backreferences_dir": "generated/backreferences",
    "reference_url": {"skautoal": None},
    "within_subsection_order": GalleryOrder(),
    "reset_modules": ("matplotlib", announce_example),
    "write_computation_times": False,
    "ignore_repr_types": r"matplotlib\.",
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "matplotlib_animations": False,
    "plot_gallery": "True",
    "only_warn_on_example_error": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"skautoal {version}"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["skautoal.css"]
html_copy_source = False
# These have no pages below them that a side bar could list.
html_sidebars = {
    page: [] for page in ("autoal", "changelog", "citing", "comparison", "install", "quickstart")
}
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 5,
    "logo": {"text": "skautoal"},
    "navbar_start": ["navbar-logo", "version"],
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}

# Examples draw into files, whatever the terminal offers.
os.environ["MPLBACKEND"] = "Agg"


def _write_pages(app, config) -> None:
    from _figures import write_figures

    say("API reference: a page for each public name")
    write_reference(HERE / "generated" / "api")
    say("figures: how AutoAL works")
    write_figures(HERE / "generated" / "figures")
    say("gallery: running the examples that changed (about a minute for all)")


def _strip_code(app, doctree) -> None:
    """Take away the empty line that a doctest in Markdown must end with."""
    for block in doctree.findall(nodes.literal_block):
        if block.rawsource == block.astext():
            text = block.astext().rstrip()
            block.rawsource = text
            block.children = [nodes.Text(text)]


def _break_names(app, page, template, context, doctree) -> None:
    """Let long names in tables break after an underscore or a slash, not in a word."""

    def mark(code: re.Match) -> str:
        return re.sub(r"(?<=[^\W_]{3})(_|/|[=(])(?=\w)|(?<=\w)::(?=\w)", r"\g<0><wbr>", code[0])

    def mark_cell(cell: re.Match) -> str:
        return re.sub(r'(?<=<span class="pre">)[^<]+', mark, cell[0])

    if "body" in context:
        context["body"] = re.sub(r"<td.*?</td>", mark_cell, context["body"], flags=re.DOTALL)


def setup(app) -> None:
    """Write the pages that are made from the code; called by Sphinx."""
    app.connect("config-inited", _write_pages)
    app.connect("doctree-read", _strip_code)
    app.connect("html-page-context", _break_names)
