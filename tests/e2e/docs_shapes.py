"""Whether what a program printed is what a document shows: the same but for numbers and names."""

import json
import re

# Their values are part of the contract, so that an example must have the right one.
EXACT = {"status", "ready", "processing_status", "error_code"}
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")

BLANKS = re.compile(r"  +")  # how wide a column is depends on what is in it


def last_json(text):
    """The JSON that the text is, or that its last line is."""
    try:
        return json.loads(text)
    except ValueError:
        lines = text.strip().splitlines()
        return json.loads(lines[-1] if lines else "")


def kind(value):
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def difference(shown, found, where="the answer"):
    """Where the shapes differ, or None. A key "..." in an object that is shown stands for more keys; `bundle` is there
    only where the weights are no clinical ones."""
    if kind(shown) != kind(found):
        return f"{where}: {kind(shown)} is shown, {kind(found)} is true"
    if isinstance(shown, dict):
        return object_difference(shown, found, where)
    if isinstance(shown, list) and shown:
        wrong = (difference(shown[0], one, f"{where}[{at}]") for at, one in enumerate(found))
        return next((one for one in wrong if one), None)
    return None


def object_difference(shown, found, where):
    open_ended = "..." in shown
    expected = [key for key in shown if key != "..."]
    optional = {"bundle"} - set(expected)
    real = [key for key in found if key in shown or not (open_ended or key in optional)]
    if real != expected:
        return f"{where}: the keys {expected} are shown, {list(found)} are true"
    for key in expected:
        if key in EXACT and shown[key] != found[key]:
            return f"{where}.{key}: {shown[key]} is shown, {found[key]} is true"
        if wrong := difference(shown[key], found[key], f"{where}.{key}"):
            return wrong
    return None


def pattern_of(line):
    """Digits are wild, and so is "...", and what stands behind "label: ", which only has to be something."""
    label, colon, value = line.rstrip().partition(": ")
    parts = [".*".join(re.escape(part) for part in piece.split("...")) for piece in NUMBER.split(BLANKS.sub(" ", label))]
    return NUMBER.pattern.join(parts) + (": .+" if colon and value else re.escape(colon))


def prints_as_shown(shown, printed):
    """Whether the lines of `printed` are those of `shown`; a line "..." stands for any number of lines."""
    pattern = "".join("(?:.*\n)*" if line.strip() == "..." else rf"{pattern_of(line)} *\n"
                      for line in shown.strip("\n").splitlines())
    return re.fullmatch(pattern, BLANKS.sub(" ", printed.strip("\n")) + "\n") is not None
