"""Markdown as docs_test reads it: a page's blocks, headings and links."""

import dataclasses
import pathlib
import re

FENCE = re.compile(r"^(`{3,})(\w*)$")
MARK = re.compile(r"^<!-- (not run|background|exit|file|output)(?:: (.*?))? -->$")
HEADING = re.compile(r"^(#{1,6}) (.+?)\s*$")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
INLINE_CODE = re.compile(r"`[^`]*`")


@dataclasses.dataclass
class Block:
    """What stands between two fences, and the mark before them: `<!-- kind: value -->`."""

    line: int
    language: str
    text: str
    mark: str = ""
    value: str = ""


class Page:
    """One document. `prose` is its lines outside of fences, None inside of them."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.text = self.path.read_text(encoding="utf-8")
        self.blocks = []
        self.prose = []
        self._read(self.text.splitlines())

    def _read(self, lines):
        mark = ("", "")
        at = 0
        while at < len(lines):
            fence, marked = FENCE.match(lines[at]), MARK.match(lines[at])
            assert fence or "```" not in lines[at], f"{self.path}:{at + 1}: a fence must begin its line"
            if fence:
                end = lines.index(fence.group(1), at + 1)
                text = "".join(f"{line}\n" for line in lines[at + 1:end])
                self.blocks.append(Block(at + 1, fence.group(2), text, *mark))
                self.prose += [None] * (end - at)
                at, mark = end, ("", "")
            elif marked:
                mark = (marked.group(1), marked.group(2) or "")
            elif lines[at].strip():
                assert not lines[at].startswith("<!-- not run"), f"{self.path}:{at + 1}: a mark that is none"
                mark = ("", "")
            self.prose.append(lines[at])
            at += 1

    def lines(self):
        return [line for line in self.prose if line is not None]

    def headings(self):
        """(level, text) of each."""
        found = [HEADING.match(line) for line in self.lines()]
        return [(len(one.group(1)), one.group(2)) for one in found if one]

    def anchors(self):
        """As GitHub makes them from headings."""
        names = set()
        for _, text in self.headings():
            name = re.sub(r"[^\w\- ]", "", INLINE_CODE.sub(lambda code: code.group()[1:-1], text).lower())
            name, count = name.replace(" ", "-"), 0
            while f"{name}-{count}" in names if count else name in names:
                count += 1
            names.add(f"{name}-{count}" if count else name)
        return names

    def links(self):
        return [target for line in self.lines() for target in LINK.findall(INLINE_CODE.sub("", line))]


def dead_links(pages):
    """"page: link" for each relative link of the pages that leads nowhere."""
    known = {page.path.resolve(): page for page in pages}
    dead = []
    for page in pages:
        for link in page.links():
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.path.parent / path).resolve() if path else page.path.resolve()
            there = target.exists() and (not anchor or anchor in known.get(target, page).anchors())
            if not there:
                dead.append(f"{page.path}: {link}")
    return dead


def compare_translations(one, other):
    """The first difference in how two translations are built, or None."""
    for name, of in (("headings", lambda page: [level for level, _ in page.headings()]),
                     ("blocks", lambda page: [(block.language, block.mark) for block in page.blocks])):
        if of(one) != of(other):
            return f"{one.path} and {other.path} have other {name}: {of(one)} and {of(other)}"
    return None
