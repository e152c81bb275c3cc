"""The documentation names what the package has, and its settings hold together.

The site itself is built, and its links are followed, by ``make docs``; what can be seen
without building it is tested here.
"""

import ast
import re
import runpy
import sys
from pathlib import Path

import pytest
from docutils import nodes

import skautoal
from skautoal.strategies import STRATEGIES
from tests._docs import DOCS, api, load

ROOT = DOCS.parent
PAGES = {path.stem: path.read_text() for path in DOCS.glob("*.md")}
GENERATED = {"auto_examples/index", "generated/api/modules"}


@pytest.fixture
def settings(monkeypatch):
    """The names that docs/conf.py defines."""
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.syspath_prepend(str(DOCS))
    return runpy.run_path(str(DOCS / "conf.py"))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The pages of the API reference, by name."""
    sys.path.insert(0, str(DOCS))
    try:
        folder = tmp_path_factory.mktemp("reference")
        load("_reference").write_reference(folder)
    finally:
        sys.path.remove(str(DOCS))
    return {path.stem: path.read_text() for path in folder.glob("*.rst")}


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_has_an_entry_in_the_docs(name):
    assert f"`{name}`" in PAGES["strategies"]


def test_every_public_folder_and_file_is_in_the_reference(reference):
    package = Path(skautoal.__file__).parent
    files = {path.stem for path in package.glob("[a-z]*.py")}
    files |= {path.parent.name for path in package.glob("[a-z]*/__init__.py")}
    files -= {"ops", "nets"}  # shared by the other parts, not public
    for name in files:  # itself, or the modules in it
        assert any(f"{page}.".startswith(f"skautoal.{name}.") for page in reference), name
    for module in api().public_modules():
        short = module.__name__.removeprefix("skautoal.")
        entry = "skautoal" if short == "skautoal" else f"{short} <{module.__name__}>"
        assert f"   {entry}\n" in reference["modules"]


@pytest.mark.parametrize("module", api().public_modules(), ids=lambda module: module.__name__)
def test_every_public_name_is_in_the_reference(reference, module):
    page = reference[module.__name__]
    for name in module.__all__:
        if name.startswith("__"):
            continue
        own = f"{module.__name__}.{name}"
        listed = f"   {name}\n" in page or f"py:data:: {name}\n" in page
        elsewhere = re.search(rf"`~[\w.]+\.{name}`", page)
        assert listed or elsewhere, own
        if f"   {name}\n" in page:
            assert re.search(rf"\.\. auto\w+:: {name}\n", reference[own])


def test_methods_of_the_samplers_are_in_the_reference(reference):
    page = reference["skautoal.AutoALSampler"]
    for method in ("fit", "query", "teach", "predict", "predict_proba", "explain"):
        assert f".. automethod:: {method}\n" in page
    # Their docstrings refer to scikit-learn's manual, which this site cannot reach.
    assert "get_metadata_routing" not in page
    assert "set_fit_request" not in page


def test_extensions_are_installed_by_the_extra_and_pinned(settings):
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = {re.match(r"[\w-]+", line).group() for line in project["optional-dependencies"]["docs"]}
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert extra <= set(pinned)
    for extension in [*settings["extensions"], settings["html_theme"]]:
        package = extension.split(".")[0]
        is_own = package.startswith("_")
        assert (DOCS / f"{package}.py").exists() if is_own else package.replace("_", "-") in extra


def test_settings_fetch_nothing(settings):
    assert "sphinx.ext.intersphinx" not in settings["extensions"]
    assert settings["html_math_renderer"] == "mathml"
    assert settings["version"] == skautoal.__version__


def test_every_page_of_the_gallery_is_run(settings):
    """A script that is not run makes no figure; its thumbnail would be a placeholder.

    That a run leaves a figure is tested in test_examples.py and interop/test_loops.py.
    """
    gallery = settings["sphinx_gallery_conf"]
    scripts = sorted(Path(gallery["examples_dirs"]).glob("*.py"))
    shown = [path for path in scripts if not re.search(gallery["ignore_pattern"], path.name)]
    assert len(shown) > 5
    assert [path for path in shown if not re.search(gallery["filename_pattern"], str(path))] == []


def _contents(page: str) -> list[str]:
    """Entries of the tables of contents of a page."""
    blocks = re.findall(r"```\{toctree\}\n(.*?)```", PAGES[page], re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(":")]


def test_every_page_is_in_the_tables_of_contents_once():
    listed = [entry for page in PAGES for entry in _contents(page)]
    assert len(listed) == len(set(listed))
    assert PAGES.keys() - {"index"} <= set(listed)
    assert set(listed) <= PAGES.keys() | GENERATED


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([\w./]+\.md)(?:#([\w-]+))?\)", PAGES[page]):
        name = Path(target).stem
        assert name in PAGES, f"{page}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", PAGES[name], re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings]
            assert anchor in slugs, f"{page}: {target}#{anchor}"


def _messages() -> str:
    """All string constants of the package, adjacent ones joined as Python joins them."""
    found = []
    for path in Path(skautoal.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_the_messages_that_troubleshooting_explains_exist():
    headings = re.findall(r'^### "(.+)"$', PAGES["troubleshooting"], re.MULTILINE)
    assert len(headings) > 15
    messages = _messages()
    assert [text for text in headings if text not in messages] == []


def test_site_checker_finds_what_is_broken(tmp_path):
    check = load("check_site").check_site
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "index.html").write_text(
        '<h1 id="top1">x</h1><a href="sub/page.html#there">1</a><a href="#top1">2</a>'
        '<img src="a.png"><a href="https://example.org">3</a><a href="mailto:a@b.c">4</a>'
    )
    page = tmp_path / "sub" / "page.html"
    page.write_text('<p id="there"><a href="../index.html">back</a><a href="#">top</a>')
    assert check(tmp_path) == ([], 2, 5)
    page.write_text(
        '<a href="gone.html">1</a><a href="../index.html#no">2</a><img src="../b.png">'
        '<script src="https://example.org/x.js"></script>'
    )
    faults, n_pages, _ = check(tmp_path)
    assert n_pages == 2
    assert len(faults) == 5
    for part in ("gone.html leads to no file", "#no leads to no anchor", "../b.png leads"):
        assert any(part in fault for fault in faults)
    assert any("x.js is loaded from another host" in fault for fault in faults)
    assert load("check_site").main([str(tmp_path)]) == 1


def test_site_checker_finds_addresses_of_objects(tmp_path):
    check = load("check_site").check_site
    page = tmp_path / "index.html"
    page.write_text('<p title="object at 0x1f">An object at 0x, or at 0x7f12.</p>')
    assert check(tmp_path)[0] == []
    page.write_text(
        "<pre>&lt;matplotlib.Figure <span>object</span> at <span>0x7f12ab</span>&gt;</pre>"
    )
    assert check(tmp_path)[0] == ["index.html: the text shows 'object at 0x7f12ab'"]
    assert load("check_site").main([str(tmp_path)]) == 1


def test_the_index_of_an_accented_letter_stands_beside_it():
    formula = load("_mathml")._converted(nodes.math("", r"\bar{x}_j + \sum_{j}^{K} 1"))
    assert re.search(r"<msub>\s*<mover.*?</mover>\s*<mi>j</mi>\s*</msub>", formula, re.DOTALL)
    assert formula.count("<munderover>") == 1  # the sum keeps its limits


@pytest.mark.parametrize("page", ["autoal"])
def test_formulas_are_well_formed(page):
    formulas = re.findall(r"\$\$(.+?)\$\$", PAGES[page], re.DOTALL)
    assert formulas
    for formula in formulas:
        assert "</math>" in load("_mathml")._converted(nodes.math("", formula), as_block=True)


def test_long_names_in_tables_may_break_after_an_underscore(settings):
    code = '<code><span class="pre">kcenter_greedy</span></code>'
    context = {"body": f"<p>{code}</p><table><td>\n{code}</td></table>"}
    settings["_break_names"](None, "page", "template", context, None)
    assert context["body"].count("kcenter_<wbr>greedy") == 1
    assert context["body"].startswith(f"<p>{code}</p>")
    short = {"body": '<td><code><span class="pre">n_jobs</span></code></td>'}
    settings["_break_names"](None, "page", "template", short, None)
    assert "<wbr>" not in short["body"]
