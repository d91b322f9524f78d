"""docs_test itself: what it must notice in a document, on documents made for it.

Usage: docs_rules_test.py CTCLIP, which only stands on PATH: the blocks here need no program.
"""

import contextlib
import pathlib
import sys
import tempfile

from docs_contexts import Context
from docs_pages import Page, compare_translations, dead_links
from docs_shapes import difference, prints_as_shown
from docs_test import Sandbox, run_block


def page(folder, text, name="page.md"):
    (folder / name).write_text(text, encoding="utf-8")
    return Page(folder / name)


def outcomes(text):
    """What was done with each block of a document; raises where docs_test would."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        blocks = page(folder, text).blocks
        sandbox = Sandbox(pathlib.Path(sys.argv[1]).resolve(), folder, Context())
        return [run_block(sandbox, block) for block in blocks]


def expect_failure(what, text):
    with contextlib.suppress(Exception):
        found = outcomes(text)
        sys.exit(f"{what} was not noticed: {found}")


def check_blocks():
    assert outcomes("```sh\nx=1; echo '{\"a\": 2}'\n```\nProse.\n\n```json\n{\"a\": 5}\n```\n") == ["run", "compared"]
    assert outcomes("```python\na = 1\n```\n```python\nprint(f'a: {a}')\n```\n<!-- output -->\n```text\na: 7\n```\n") \
        == ["run", "run", "compared"]
    assert outcomes("<!-- exit: 3 -->\n```bash\nexit 3\n```\n") == ["run"]
    assert outcomes("```ini\n[x]\n```\n") == ["shown"]
    assert outcomes("<!-- not run: why; tested by README.md -->\n```sh\nexit 1\n```\n")[0].startswith("not run: why")
    expect_failure("a command that fails", "```sh\nfalse | true\n```\n")
    expect_failure("an unset variable", "```sh\necho $nothing\n```\n")
    expect_failure("a traceback", "```python\nundefined\n```\n")
    expect_failure("another JSON", "```sh\necho '{\"a\": \"2\"}'\n```\n```json\n{\"a\": 5}\n```\n")
    expect_failure("another output", "```sh\necho b: 1\n```\n<!-- output -->\n```text\na: 1\n```\n")
    expect_failure("a language that nobody runs", "```fish\ntrue\n```\n")
    expect_failure("an excuse without a test", "<!-- not run: why -->\n```sh\ntrue\n```\n")
    expect_failure("an excuse with a test that is not there", "<!-- not run: w; tested by no.py -->\n```sh\ntrue\n```\n")
    expect_failure("an indented fence", "- x\n  ```sh\n  true\n  ```\n")


def check_shapes():
    shown = {"a": 1, "b": {"c": "x", "...": "..."}, "d": [0.5]}
    assert difference(shown, {"a": 2.5, "b": {"c": "y", "e": None}, "d": []}) is None
    assert difference({"a": 1}, {"a": 1, "bundle": "demo"}) is None
    for wrong in ({"a": "1", "b": {"c": "y"}, "d": []}, {"b": {"c": "y"}, "a": 1, "d": []},
                  {"a": 1, "b": {}, "d": []}, {"a": None, "b": {"c": "y"}, "d": []}, {"a": 1, "b": {"c": "y"}, "d": ["x"]},
                  {"a": 1, "b": {"c": "y"}, "d": [], "e": 0}):
        assert difference(shown, wrong), wrong
    assert difference({"error_code": "no_dicom"}, {"error_code": "not_ct"})
    assert prints_as_shown("Studies: 3\n...\n12 rows, 5 %\n", "Studies: 17\nx\ny\n3 rows, 88 %\n")
    assert not prints_as_shown("Studies: 3\n", "Studies: 3\nmore\n")
    assert not prints_as_shown("Studies: 3\n", "Rows: 3\n")
    assert not prints_as_shown("Studies: 3\n", "Studies: \n")


def check_links():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        other = page(folder, "# Раздел: один, два\n## `code` и ещё\n", "other.md")
        good = "# One\n# One\n[a](other.md) [b](other.md#раздел-один-два) [c](#one-1) [d](https://x.example) `[e](no.md)`\n" \
               "[f](other.md#code-и-ещё)\n```text\n[g](no.md)\n```\n"
        assert dead_links([page(folder, good), other]) == []
        for link in ("no.md", "other.md#no", "#two"):
            assert len(dead_links([page(folder, f"# One\n[x]({link})\n"), other])) == 1, link
        assert compare_translations(page(folder, "# A\n```sh\ntrue\n```\n"), page(folder, "# Б\n```sh\ntrue\n```\n")) is None
        assert compare_translations(page(folder, "# A\n## B\n"), page(folder, "# A\n"))
        assert compare_translations(page(folder, "```sh\n```\n"), page(folder, "```python\n```\n"))


if __name__ == "__main__":
    check_blocks()
    check_shapes()
    check_links()
