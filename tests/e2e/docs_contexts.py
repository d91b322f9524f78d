"""What each document's blocks find in their sandbox, so that prose need not prepare it."""

import dataclasses
import io
import typing

import requests

URL = "http://localhost:8000"  # of every document


@dataclasses.dataclass
class Step:
    """About the one block with `text` in it, of a document that has no marks of its own."""

    text: str
    mark: tuple = ("", "")
    names: typing.Callable = dict  # what a fragment speaks of: called before it runs, gives variables
    prints: str = ""  # must be in what it prints


@dataclasses.dataclass
class Context:
    studies: tuple = ()  # archives with one study each, by name
    folders: tuple = ()  # folders with one study each
    archives: bool = False  # archives/: two studies and a file that is none
    service: bool = False  # a service runs already
    replaced: dict = dataclasses.field(default_factory=dict)  # in every block: examples that name no real place
    steps: tuple = ()


def failed_answer():
    """A refusal, as variables of a fragment."""
    files = {"file": ("no_study.zip", b"This is no ZIP archive.\n")}
    return {"response": requests.post(f"{URL}/predict", files=files, timeout=300)}


def study_to_send():
    with open("study.zip", "rb") as file:
        return {"files": {"file": io.BytesIO(file.read())}}


GUIDE = Context(folders=("dicom",), archives=True)  # it makes its studies and starts its service itself

# The guide that users have had all along, word for word: it is a contract, so it has no marks and is not to be changed.
OLD_GUIDE = dataclasses.replace(
    GUIDE,
    studies=("study.zip", "patient_001.zip"),
    service=True,
    replaced={"/path/to/archives/": "archives/", "/path/to/dicom/files/": "dicom/", "https://ct.example.org": URL},
    steps=(
        Step('"time_of_processing": 45.67', mark=("file", "result.json")),
        Step('"most_dangerous_pathology_type": "No significant pathology"', mark=("shown", "")),
        Step('"probability_of_pathology": 0.92', mark=("shown", "")),
        Step("# Выберите URL", prints="Most dangerous: "),
        Step("def analyze_ct_study", prints="Most dangerous pathology: "),
        Step("def analyze_single_study", prints="Processing time: "),
        Step("def analyze_and_save", prints="Results saved to: results/"),
        Step("def batch_analysis", prints="Total: 3\nSuccess: 2\nFailed: 1\n"),
        Step('    print(f"HTTP Error: {response.status_code}")\n    if response', names=failed_answer, prints="HTTP Error: 400"),
        Step('\nif result.get("processing_status") == "Failure":', names=failed_answer, prints="Processing failed: "),
        Step("files=files", names=study_to_send),
        # The batch client's exit status says that one of the three files is no study.
        Step("batch_inference_client.py", mark=("exit", "1")),
    ),
)

CONTEXTS = {
    "README.md": Context(),
    "docs/en/user-guide.md": GUIDE,
    "docs/ru/user-guide.md": GUIDE,
    "docs/batch.md": Context(archives=True, service=True),
    "docs/history.md": Context(studies=("study.zip",)),
    "docs/formats.md": Context(studies=("study.zip",)),
    "tests/data/user-guide.ru.md": OLD_GUIDE,
}
