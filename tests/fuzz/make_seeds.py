#!/usr/bin/env python3
"""Writes first seeds for the fuzz targets that have none, from files of the tests and by our own encoders.

Usage: make_seeds.py MAKE_IMAGE_SEEDS CORPUS, from the root of the sources. What fuzzing finds is added by
`scripts/fuzz --merge`, which also drops the seeds that add nothing.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import zipfile

TESTS = pathlib.Path("tests")


def write(corpus, target, name, content):
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def copies(corpus):
    for file in sorted((corpus / "study").glob("*.dcm")):
        write(corpus, "dicom", file.name, file.read_bytes())
    for file in sorted((corpus / "study").glob("*.zip")):
        write(corpus, "zip", file.name, file.read_bytes())
    for file in sorted((corpus / "nifti").glob("*.nii")):
        write(corpus, "nifti_gz", file.name, file.read_bytes())
    for number, file in enumerate(sorted((TESTS / "data/htj2k").glob("*.j2c"))):
        write(corpus, "htj2k", file.stem, bytes([number, 0, 0, 11, 0, 0]) + file.read_bytes())


def archives(corpus):
    folder = corpus / "zip"
    folder.mkdir(parents=True, exist_ok=True)
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflate", zipfile.ZIP_DEFLATED),
                         ("bzip2", zipfile.ZIP_BZIP2), ("lzma", zipfile.ZIP_LZMA)):
        with zipfile.ZipFile(folder / f"{name}.zip", "w", method) as archive:
            archive.comment = b"comment"
            archive.writestr("a/", "")
            archive.writestr("a/one.txt", "one " * 20)
            with archive.open("two.txt", "w", force_zip64=True) as entry:
                entry.write(b"two " * 20)


def models(corpus):
    for file in sorted((corpus / "checkpoint").glob("*zip*.pt")):
        with zipfile.ZipFile(file) as archive:
            record = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            write(corpus, "torch_zip", file.stem + ".pkl", archive.read(record))
            write(corpus, "pickle", file.stem + ".pkl", archive.read(record))
    for name in ("base_plain_p5.pkl", "pipeline_scaler.pkl"):
        shutil.copy(corpus / "joblib" / name, corpus / "pickle" / name)
    for file in (corpus / "checkpoint").glob("*.safetensors"):
        content = file.read_bytes()
        length = int.from_bytes(content[:8], "little")
        write(corpus, "safetensors", file.stem,
              bytes([(len(content) - 8 - length + 3) // 4]) + content[8:8 + length])
    write(corpus, "safetensors", "one", b"\x02" + json.dumps(
        {"__metadata__": {"target_pathologies": "[\"a\", \"b\"]"},
         "w": {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode())
    vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nlung\n##s\npleural\neffusion\n.\nis\npresent\né\n"
    write(corpus, "vocabulary", "small", f"{vocabulary}\0Pleural effusion is present. Lungs É 肺")
    bundle = json.loads((TESTS / "data/tiny/bundle.json").read_text())
    files = {"ctclip": "a.pt", "supervised": "b.pt", "diffusion_classifier": "c.pt", "diffusion_unet": "d.pt",
             "vocabulary": "vocab.txt", "fusion": "fusion.txt"}
    bundle["files"] = {role: {"path": path} for role, path in files.items()}
    bundle["anomaly"] = {"image_size": 64, "classifier_head_channels": 32, "slices": 3, "classifier_scale": 10.5}
    bundle["prompts"] = bundle["prompts"][:3]
    write(corpus, "bundle", "tiny.json", json.dumps(bundle))


def tables(corpus):
    write(corpus, "csv", "plain.csv", "a,b,c\n1,2.5,\n,nan,NA\r\n")
    write(corpus, "csv", "quoted.csv", "\ufeffname,\"va\"\"lue\"\n\n\"two\nlines\",\"x,y\"\n")
    for name, header in (("c", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"),
                         ("fortran", "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }")):
        text = header.ljust(117) + "\n"
        write(corpus, "npy", name + ".npy",
              b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(range(24)))


def batches(corpus):
    answer = {"study_uid": "1.2", "series_uid": "1.2.3", "probability_of_pathology": 0.97, "pathology": 1,
              "most_dangerous_pathology_type": "Pleural effusion", "processing_status": "Success",
              "time_of_processing": 2.1, "bundle": "demo",
              "details": {"bundle": {"sha256": "ab"}, "probabilities": {"ctclip": {"Pneumonia": 0.25}},
                          "features": {"max_probability": 0.9, "other": 1}}}
    failure = {"processing_status": "Failure", "error": "No lungs.", "error_code": "no_lungs"}
    write(corpus, "batch_answer", "success.json", json.dumps(answer))
    write(corpus, "batch_answer", "failure.json", json.dumps(failure))
    header = {"ctclip_batch": 1, "input": "/in", "answering": "service", "shard": "1/1", "threshold": None,
              "any_anatomy": False}
    row = {"path": "a.zip", "size": 10, "modified": 5, "files": 1, "tries": 1, "models": "ab", "bundle": "demo",
           "error_code": "",
           "row": {"path_to_study": "a.zip", "study_uid": "1", "series_uid": "2", "probability_of_pathology": 0.5,
                   "pathology": 1, "processing_status": "Success", "time_of_processing": 1.5,
                   "most_dangerous_pathology_type": "Pneumonia", "error": ""},
           "probabilities": {"ctclip_Pneumonia": 0.25}}
    lines = [header, row, {**row, "path": "b.zip"}, {"finished": True}]
    write(corpus, "batch_journal", "whole.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    write(corpus, "batch_journal", "torn.jsonl", json.dumps(header) + "\n" + json.dumps(row)[:40])


def requests(corpus):
    post = ("POST /predict?threshold=0.5&details=true&series_uid=1.2%2E3&any_anatomy=1 HTTP/1.1\r\nHost: x\r\n"
            "Content-Type: multipart/form-data; boundary=\"b c\"\r\nContent-Length: 5\r\n"
            "Expect: 100-continue\r\n\r\n--b c")
    write(corpus, "request", "predict", post)
    write(corpus, "request", "chunked", "POST http://x/predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
          "Content-Encoding: identity\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: v\r\n\r\n")
    write(corpus, "request", "page", "HEAD /?x HTTP/1.0\r\nAccept: text/html, */*;q=0.8\r\n"
          "Accept-Language: ru, en;q=0.5\r\nConnection: keep-alive\r\n\r\n")


def main():
    tool, corpus = sys.argv[1], pathlib.Path(sys.argv[2])
    subprocess.run([tool, corpus], check=True)
    for make in (copies, archives, models, tables, batches, requests):
        make(corpus)


main()
