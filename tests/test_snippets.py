"""Code that readers copy, which has no prompts: it runs page by page, and its comments are true.

Blocks with ``>>>`` are doctests, which pytest collects itself. The blocks of a page without
prompts run in one namespace, in order. A comment that is a Python value states the value of
the expression before it, on the same line or on the line above.
"""

import ast
import io
import re
import tokenize

import pytest

from tests._docs import DOCS

BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks_of(text: str) -> list[tuple[int, str]]:
    """Line and code of each block of Python in a page."""
    found = BLOCK.finditer(text)
    return [(text.count("\n", 0, match.start(1)), match.group(1)) for match in found]


def comment_at(code: str, line: int) -> str | None:
    """Comment behind the statement that ends in a line, or alone on the line below."""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        below = token.start[0] == line + 1 and token.line.lstrip().startswith("#")
        if token.type == tokenize.COMMENT and (token.start[0] == line or below):
            return token.string.lstrip("# ")
    return None


def disagrees(value, comment: str) -> bool:
    """Whether a comment that can be read as a value states another one."""
    if comment.startswith(f"{type(value).__name__}("):
        return repr(value) != comment
    try:
        return bool(ast.literal_eval(comment) != value)
    except (ValueError, SyntaxError):
        return False  # prose


def run_page(name: str, text: str) -> int:
    """Run the blocks of a page without prompts; the number of values that were compared."""
    namespace: dict = {"__name__": "__main__"}
    compared = 0
    for first, code in blocks_of(text):
        if ">>>" in code:
            continue
        for node in ast.parse(code).body:
            comment = comment_at(code, node.end_lineno)
            ast.increment_lineno(node, first)
            if not isinstance(node, ast.Expr):
                exec(compile(ast.Module([node], []), name, "exec"), namespace)
                continue
            value = eval(compile(ast.Expression(node.value), name, "eval"), namespace)
            if comment is not None:
                message = f"{name}, line {node.end_lineno}: {value!r:.200}, not {comment}"
                assert not disagrees(value, comment), message
                compared += 1
    return compared


PAGES = {path.name: path for path in [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]}
PLAIN = [
    name
    for name, path in PAGES.items()
    if any(">>>" not in code for _, code in blocks_of(path.read_text()))
]


@pytest.mark.parametrize("name", PLAIN)
def test_code_without_prompts_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_page(name, PAGES[name].read_text()) > 0


@pytest.mark.parametrize("name", PAGES)
def test_a_block_has_prompts_or_none(name):
    for first, code in blocks_of(PAGES[name].read_text()):
        lines = code.splitlines()
        if ">>>" in code:
            assert lines[0].startswith(">>>"), f"{name}, line {first + 1}"


@pytest.mark.parametrize("name", ["README.md", "index.md", "quickstart.md", "migrating.md"])
def test_what_readers_copy_first_has_no_prompts(name):
    blocks = blocks_of(PAGES[name].read_text())
    assert blocks
    assert [code for _, code in blocks if ">>>" in code] == []


def page(code: str) -> str:
    return f"text\n\n```python\n{code}\n```\n"


@pytest.mark.parametrize(
    "code", ["1 + 1  # 3", "(\n    1,\n)  # (2,)", "'a'\n# 'b'", "list((1, 2))  # [2, 1]"]
)
def test_a_wrong_value_is_noticed(code):
    with pytest.raises(AssertionError, match="line"):
        run_page("page", page(code))


def test_true_values_prose_and_names_pass():
    assert run_page("page", page("x = 2\nx  # 2\nx + 1\n# 3\nx  # the value of x")) == 3
    assert run_page("page", page("import numpy as np\nnp.float64(0.5)  # 0.5")) == 1


def test_an_error_names_the_line_of_the_page():
    with pytest.raises(ZeroDivisionError) as caught:
        run_page("page", page("x = 1\nx / 0"))
    assert caught.traceback[-1].lineno == 4  # counted from 0: the fifth line
