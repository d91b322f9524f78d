"""Folders of studies for the batch tests: a few phantoms, multiplied, and broken in many ways."""

import io
import pathlib
import re
import subprocess
import zipfile

PHANTOM = ["--matrix", "64", "--thickness", "10", "--no-localizer", "--kernel", "soft"]


def make_phantom(ctclip, path, *options):
    subprocess.run([ctclip, "phantom", path, *PHANTOM, *options], check=True, capture_output=True,
                   timeout=120)
    return path


def slices(archive):
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def study_uid(files):
    """StudyInstanceUID of explicit little endian slices."""
    data = next(iter(files.values()))
    return re.search(rb"\x20\x00\x0d\x00UI..([0-9.]+)", data, re.DOTALL).group(1).decode()


def renamed(files, number):
    """The same study under another StudyInstanceUID of the same length."""
    old = study_uid(files)
    new = old[:-6] + f"{number:06}"
    return {name: data.replace(old.encode(), new.encode()) for name, data in files.items()}, new


def replaced(files, old, new):
    assert len(old) == len(new) and all(old in data for data in files.values())
    return {name: data.replace(old, new, 1) for name, data in files.items()}


def locked(folder, data):
    (folder / "slice.dcm").write_bytes(data)
    subprocess.run(["zip", "-q", "-P", "secret", "locked.zip", "slice.dcm"], cwd=folder, check=True)
    (folder / "slice.dcm").unlink()
    data = (folder / "locked.zip").read_bytes()
    (folder / "locked.zip").unlink()
    return data


def write_broken(ctclip, chest, folder, scratch):
    """Ten studies that cannot be answered, each for another reason: {path in folder: error_code}."""
    one = next(iter(chest.values()))
    whole = packed(chest)
    few = dict(list(chest.items())[:10])
    magnetic = replaced(chest, b"\x08\x00\x60\x00CS\x02\x00CT", b"\x08\x00\x60\x00CS\x02\x00MR")
    cut = {name: data[:-500] for name, data in chest.items()}
    head = make_phantom(ctclip, scratch / "head.zip", "--part", "head", "--seed", "7")
    volume = b"\x5c\x01\x00\x00" + bytes(340) + b"n+1\0" + bytes(100)
    broken = {
        "broken/truncated.zip": (whole[: len(whole) // 2], "damaged_archive"),
        "broken/no_dicom.zip": (packed({"a.txt": b"text", "b.jpg": b"\xff\xd8\xff"}), "no_dicom"),
        "broken/empty.zip": (b"", "empty_upload"),
        "broken/few.zip": (packed(few), "too_few_slices"),
        "broken/head.zip": (head.read_bytes(), "no_lungs"),
        "broken/locked.zip": (locked(scratch, one), "encrypted_archive"),
        "broken/cut_pixels.zip": (packed(cut), "undecodable_pixels"),
        "broken/magnetic.zip": (packed(magnetic), "not_ct"),
        "broken/text.zip": (b"This is no archive.\n", "unsupported_format"),
        "broken/volume.nii": (volume, "damaged_nifti"),
    }
    (folder / "broken").mkdir()
    for name, (data, _) in broken.items():
        (folder / name).write_bytes(data)
    return {name: code for name, (_, code) in broken.items()}


def write_good(bases, folder, count):
    """`count` studies: archives, and every tenth a folder of loose files or files of two studies in
    one folder. {path in folder: (StudyInstanceUID, number of its base)}."""
    paths = {}
    for number in range(count):
        base = number % len(bases)
        files, uid = renamed(bases[base], number)
        if number % 10 == 3:
            path = write_loose(files, folder / f"loose/{number:03}/series")
        elif number % 20 == 4:
            path = write_loose(files, folder / "shared", prefix=f"{number:03}-")
        else:
            path = folder / f"part{number % 3}" / f"study{number:03}.zip"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(packed(files))
        paths[path.relative_to(folder).as_posix()] = (uid, base)
    (folder / "notes.txt").write_text("not a study\n")
    return paths


def write_loose(files, folder, prefix=""):
    """Path that the study is known by: its folder, or its first file where it shares the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(files.values()):
        (folder / f"{prefix}{i:03}").write_bytes(data)
    return folder / f"{prefix}000" if prefix else folder


def write_tiny(folder, count):
    """`count` files that are studies by name and fail at once: what is left is the batch's own work."""
    for number in range(count):
        path = folder / f"{number // 1000:03}" / f"{number:06}.zip"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("x")


def path_of(folder, row):
    return pathlib.Path(row["path_to_study"]).relative_to(folder).as_posix()
