"""The shell blocks of the deployment guides, each with the place where it is run."""

import re

from tree import ROOT

MARKED = re.compile(r"^<!-- not run: (?P<reason>[^;\n]*); tested by [^\n]* -->\n"
                    r"```sh\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL)
PLACES = {"in the source tree": "source", "в исходном дереве": "source",
          "on the server": "server", "на сервере": "server",
          "no container engine": "container", "нет контейнерного движка": "container"}


def blocks(language):
    """[(place, block)] in order; an unmarked block or an unknown place is an error."""
    text = (ROOT / f"docs/{language}/deployment-guide.md").read_text(encoding="utf-8")
    found = [(match["reason"], match["block"]) for match in MARKED.finditer(text)]
    assert len(found) == text.count("```sh\n"), f"{language}: a block without its place"
    placed = []
    for reason, block in found:
        place = [value for start, value in PLACES.items() if reason.startswith(start)]
        assert place, f"{language}: where is a block run that is {reason!r}?"
        placed.append((place[0], block))
    return placed


def blocks_in(place):
    """The blocks of one place; the guides of both languages must have the same."""
    english, russian = blocks("en"), blocks("ru")
    assert english == russian, "the deployment guides' blocks differ between en and ru"
    return [block for where, block in english if where == place]
