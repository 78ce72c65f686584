"""Write a run in another form, prove it, and put it in its place with what belongs to it: all or nothing."""

import contextlib
import ctypes
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from image_kit import durable, files as atomic
from image_kit.answering import sha256
from image_kit.errors import UserError, describe_os_error
from image_kit.exports.classes_file import CLASSES, EXAMPLES, describe_classes, draw_examples
from image_kit.exports.formats import Facts, Format
from image_kit.exports.proof import Proof, Reference, prove, versions_of
from image_kit.exports.source import Source
from image_kit.json_files import read_json
from image_kit.leftovers import remove_leftovers, temporary_name

EXPORT = "export.json"
TEMPLATES = Path(__file__).with_name("templates")


def refuse_existing(output: Path, chosen: Format, source: Source, is_forced: bool) -> None:
    """Raise UserError if an export would replace something that the user may want to keep."""
    if is_forced:
        return
    remove_leftovers(output.parent)  # of a command that was killed when all was in its place
    if os.path.lexists(output):
        raise UserError(f"{output}: exists; add --force to replace it, or choose another name with --output")
    if chosen.is_described and _is_of_others(output.parent, source):
        raise UserError(
            f"{output.parent}: contains a {CLASSES} or {EXAMPLES} of something else; choose another folder with "
            "--output, or add --force to replace them"
        )


def _is_of_others(folder: Path, source: Source) -> bool:
    """Whether classes.json and the examples in a folder are not those of this run."""
    if not any((folder / name).exists() for name in (CLASSES, EXAMPLES)):
        return False
    return _read_json(folder / CLASSES).get("weights_sha256") != sha256(source.path)


def export(chosen: Format, output: Path, source: Source, reference: Reference) -> tuple[Proof, list[str]]:
    """Write and prove one format; whatever fails, nothing is left behind.

    Args:
        output: the file, or the folder of a format that is one. What it replaces is removed at the very end.

    Returns:
        The proof, and notes for the user.

    Raises:
        UserError: it cannot be written, or the proof fails.
        OSError: all is in its place, but the disk did not confirm it.
    """
    is_new = not output.parent.exists()
    try:
        with atomic.hidden_folder(output.parent, output.name) as unfinished:
            made = unfinished / output.name
            notes = chosen.write(source, made, Facts(source.path.parent, reference.photos))
            proof = prove(chosen, made, source, reference)
            if chosen.is_described:
                _describe(unfinished, chosen, source, reference)
            entry = _describe_export(made, chosen, proof, notes)
            _move(unfinished, output, lambda: _record(output, source, entry))
    except OSError as error:
        why, place = describe_os_error(error), os.path.abspath(error.filename or output)
        if not Path(place).is_relative_to(os.path.abspath(output.parent)):  # such as the folder for temporary files
            why = f"{place}: {why}"
        raise UserError(f"{output}: cannot be written ({why}); nothing of it was left behind") from None
    finally:
        if is_new:
            _remove_empty(output.parent)
    durable.sync(output.parent)
    return proof, notes


def _describe(folder: Path, chosen: Format, source: Source, reference: Reference) -> None:
    """classes.json, the examples with the run's answers, and a program that asks the network."""
    classifier, examples = reference.classifier, []
    for path in draw_examples(folder / EXAMPLES):
        (expected,) = classifier.probabilities(classifier.preprocessing.photo(path)[None])
        examples.append({"file": f"{EXAMPLES}/{path.name}", "probabilities": expected})
    atomic.write_json(folder / CLASSES, describe_classes(source) | {"examples": examples})
    if chosen.reader:
        text = (TEMPLATES / chosen.reader).read_text(encoding="utf-8")
        (folder / Path(chosen.reader).with_suffix(".py").name).write_text(text, encoding="utf-8")


def _describe_export(made: Path, chosen: Format, proof: Proof, notes: list[str]) -> dict[str, Any]:
    """What export.json says of it."""
    return {
        "format": chosen.name,
        "bytes": size_of(made),
        "sha256": sha256(made) if made.is_file() else None,
        **asdict(proof),
        "versions": versions_of(chosen),
        "notes": notes,
    }


class _Changed(Exception):
    """Another command has written export.json since it was read."""


def _record(output: Path, source: Source, entry: dict[str, Any]) -> None:
    """Write export.json, with what it says already about other exports of the same weights."""
    path, digest, is_written = output.parent / EXPORT, sha256(source.path), False
    while not is_written:
        before = _read_json(path)
        exports = {**_earlier_exports(before, digest), output.name: entry}
        said = {"weights": str(source.path), "weights_sha256": digest, "exports": exports}
        with contextlib.suppress(_Changed), atomic.replacing(path) as unfinished:
            atomic.write_json(unfinished, said)
            if _read_json(path) != before:
                raise _Changed
            is_written = True


def earlier_exports(folder: Path, source: Source) -> dict[str, Any]:
    """What export.json says about other exports of the same weights."""
    return _earlier_exports(_read_json(folder / EXPORT), sha256(source.path))


def _earlier_exports(said: dict[str, Any], digest: str) -> dict[str, Any]:
    exports = said.get("exports") if said.get("weights_sha256") == digest else None
    return exports if isinstance(exports, dict) else {}


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(each.stat().st_size for each in ([path] if path.is_file() else path.rglob("*")) if each.is_file())


def _read_json(path: Path) -> dict[str, Any]:
    """What a JSON file says; nothing if there is none, or if it is damaged."""
    try:
        values = read_json(path)
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _move(unfinished: Path, output: Path, record: Callable[[], None]) -> None:
    """Put all files in their places and `record` it; if one cannot be put there, the others are as before.

    The network comes last, so that a killed command may run again.
    """
    durable.sync_tree(unfinished)
    made = unfinished / output.name
    beside = [path for path in sorted(unfinished.rglob("*")) if path.is_file() and made not in (path, *path.parents)]
    with contextlib.ExitStack() as undo:
        for number, path in enumerate(beside):
            target = output.parent / path.relative_to(unfinished)
            if not target.parent.exists():
                undo.callback(_remove_empty, target.parent)  # also if the disk fails when it has been made
                durable.make_folder(target.parent)
            _restore(target, unfinished / f"{number}.before", undo)
            path.replace(target)
        for folder in {output.parent / path.relative_to(unfinished).parent for path in beside}:
            durable.sync(folder)
        _restore(output.parent / EXPORT, unfinished / "export.before", undo)
        record()
        if output.is_dir() and not output.is_symlink():  # a folder is not replaced by renaming
            _exchange(made, output)  # the old one goes with ours
        else:
            made.replace(output)
        undo.pop_all()


def _restore(path: Path, kept: Path, undo: contextlib.ExitStack) -> None:
    """Have a file be as it is now when `undo` ends."""
    if path.exists():
        shutil.copy2(path, kept)
        undo.callback(_put_back, kept, path)
    else:
        undo.callback(_put_back, None, path)


def _put_back(kept: Path | None, path: Path) -> None:
    with contextlib.suppress(OSError):  # the disk fails for good; what went wrong first is told
        kept.replace(path) if kept else path.unlink()


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _exchange(folder: Path, other: Path) -> None:
    """Give two folders each other's name: at once where Linux can. Elsewhere a kill between may leave `other` gone."""
    if sys.platform == "linux":
        rename = getattr(ctypes.CDLL(None), "renameat2", None)
        if rename and not rename(-100, os.fsencode(folder), -100, os.fsencode(other), 2):  # AT_FDCWD, RENAME_EXCHANGE
            return
    aside = folder.with_name(temporary_name(folder.name))
    other.rename(aside)
    try:
        folder.rename(other)
    except OSError:
        aside.rename(other)
        raise
    aside.rename(folder)
