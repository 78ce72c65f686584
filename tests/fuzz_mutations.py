"""Ways to damage a file for the fuzzing: its bytes, or what a program would read in them. Case 0 stays undamaged."""

import csv
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable

import numpy as np

MAX_MUTATIONS = 4  # at most, in one case
TOKEN = "@@{}@@"
# Values of JSON that a program may not expect, as text: some of them no library would write.
HOSTILE_JSON = (
    *("null", "true", "0", "-1", "1", "0.5", "1e999", "-1e999", "NaN", "-Infinity", "1e-400", "-0.0", str(2**31)),
    *(str(2**63), "9" * 400, "9" * 5_000, '""', '"\\ud800"', '"\\u0000"', '"../../x"', '"/etc/passwd"', '"a\\nb"'),
    *(
        '"<script>"',
        '"\\u202e"',
        '"nan"',
        '"1"',
        "[]",
        "{}",
        "[null]",
        "[[]]",
        "[1, 2, 3]",
        '["a"]',
        '{"a": 1, "a": 2}',
    ),
    *("[" * 100_000 + "]" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000, '"' + "x" * 200_000 + '"', "1 2", "'a'", ""),
)
HOSTILE_CELLS = (
    *(
        "",
        " ",
        "../../x.jpg",
        "/etc/passwd",
        "C:\\x.jpg",
        "con",
        "a\0b",
        "\ufeff",
        "\u200b",
        "=1+1",
        "nan",
        "-1",
        "1e999",
    ),
    *(
        "9" * 5_000,
        "x" * 200_000,
        '"',
        '""',
        "a\nb",
        "\u202ea",
        "e\u0301",
        "yes",
        "drop",
        "move ",
        "move ../..",
        "move a",
    ),
)
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "utf-7")


def mutated(data: bytes, case: int) -> bytes:
    """Damage bytes: flip bits, cut, move or repeat a block, make a number extreme."""
    rng, damaged = np.random.default_rng([case, len(data)]), bytearray(data)
    # Headers decide what is allocated and read: two thirds of all damage are in the first or last 4 KB.
    for _ in range(int(rng.integers(1, MAX_MUTATIONS + 1)) if case else 0):
        end = len(damaged)
        place = int(
            rng.choice(
                [rng.integers(0, end), rng.integers(0, min(end, 4096)), end - rng.integers(1, max(2, min(end, 4096)))]
            )
        )
        kind, length = rng.integers(0, 6), int(rng.integers(1, 200))
        if kind == 0:
            damaged[place] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            damaged[place : place + length] = rng.bytes(len(damaged[place : place + length]))
        elif kind == 2:  # a length, an offset or a count
            width = int(rng.choice([1, 2, 4, 8]))
            value = int(rng.choice([0, 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, end]))
            damaged[place : place + width] = value.to_bytes(8, "little")[:width]
        elif kind == 3:
            source = int(rng.integers(0, end))
            damaged[place : place + length] = damaged[source : source + length]
        elif kind == 4:
            damaged[place:place] = damaged[place : place + length]
        elif rng.random() < 0.3:
            del damaged[max(1, place) :]
        else:
            del damaged[place : place + length]
        damaged = damaged or bytearray(b"\0")
    return bytes(damaged)


def mutated_json(data: bytes, case: int) -> bytes:
    """Change values of a JSON text, so that most cases stay JSON; in a quarter of the cases its bytes."""
    rng = np.random.default_rng([case, len(data), 1])
    if not case or rng.random() < 0.25:
        return mutated(data, case)
    root = {"root": json.loads(data)}
    raw: dict[str, str] = {}
    for number in range(int(rng.integers(1, MAX_MUTATIONS))):
        places = list(_places(root))
        container, key = places[int(rng.integers(len(places)))]
        raw[TOKEN.format(number)] = HOSTILE_JSON[int(rng.integers(len(HOSTILE_JSON)))]
        kind = rng.integers(0, 6)
        if kind < 3 or container is root:
            container[key] = TOKEN.format(number)
        elif kind == 3:
            del container[key]
        elif kind == 4 and isinstance(container, dict):
            container[str(rng.choice(["", "root", "\x00", "__class__", "format", f"{key}2"]))] = container.pop(key)
        else:  # the same value in another place
            other, place = places[int(rng.integers(len(places)))]
            other[place] = json.loads(json.dumps(container[key]))
        if "root" not in root:
            break
    text = json.dumps(root.get("root"), indent=2)
    for token, value in raw.items():
        text = text.replace(f'"{token}"', value)
    return text.encode("utf-8", "surrogatepass")


def _places(value):
    """Every (container, key or index) in a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(pairs):
        yield value, key
        yield from _places(each)


def mutated_table(data: bytes, case: int) -> bytes:
    """Change cells, separators, encoding or line ends of a CSV text; in a quarter of the cases its bytes."""
    rng = np.random.default_rng([case, len(data), 2])
    if not case or rng.random() < 0.25:
        return mutated(data, case)
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    for _ in range(int(rng.integers(0, MAX_MUTATIONS))):
        row = rows[int(rng.integers(len(rows)))] or [""]
        kind, cell = rng.integers(0, 5), int(rng.integers(len(row)))
        if kind < 2:
            row[cell] = HOSTILE_CELLS[int(rng.integers(len(HOSTILE_CELLS)))]
        elif kind == 2:
            row.insert(cell, row[cell])
        elif kind == 3:
            del row[cell]
        else:
            rows.insert(int(rng.integers(len(rows))), list(row))
    text = io.StringIO(newline="")
    ends, quoting = str(rng.choice(["\n", "\r\n", "\r", "\n\n"])), [csv.QUOTE_MINIMAL, csv.QUOTE_ALL][case % 2]
    delimiter = str(rng.choice([",", ",", ";", "\t", "|"]))
    csv.writer(text, delimiter=delimiter, lineterminator=ends, quoting=quoting).writerows(rows)
    encoding = str(rng.choice(["utf-8", "utf-8", *ENCODINGS]))
    return text.getvalue().encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")


def mutated_archive(damage: Callable[[bytes, int], bytes], member: str = "") -> Callable[[bytes, int], bytes]:
    """Damage one member of a ZIP archive, whose checksums are right again; in a quarter of the cases its bytes."""

    def mutate(data: bytes, case: int) -> bytes:
        rng = np.random.default_rng([case, len(data), 3])
        if not case or rng.random() < 0.25:
            return mutated(data, case)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = member or str(rng.choice(list(members)))
        members[name] = damage(members[name], case)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for each, content in members.items():
                archive.writestr(zipfile.ZipInfo(each), content)
        return out.getvalue()

    return mutate


def mutated_gzip(data: bytes, case: int) -> bytes:
    """Damage what is packed; in a quarter of the cases the packed bytes."""
    if not case or case % 4 == 0:
        return mutated(data, case)
    return gzip.compress(mutated(gzip.decompress(data), case), mtime=0)


def forged(data: bytes, case: int) -> bytes:
    """A model.tflite with a damaged network and the correct hash of it, as a forger would write it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    origin = json.loads(members["origin.json"])
    network = mutated(data[: origin["flatbuffer_bytes"]], case)
    origin |= {"flatbuffer_bytes": len(network), "flatbuffer_sha256": hashlib.sha256(network).hexdigest()}
    members["origin.json"] = json.dumps(origin).encode()
    return _appended(network, members)


def forged_words(data: bytes, case: int) -> bytes:
    """A model.tflite with changed values in its description or its origin."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = ("description.json", "origin.json")[case % 2]
    length = json.loads(members["origin.json"])["flatbuffer_bytes"]
    members[name] = mutated_json(members[name], case)
    return _appended(data[:length], members)


def _appended(network: bytes, members: dict[str, bytes]) -> bytes:
    out = io.BytesIO(network)
    with zipfile.ZipFile(out, "a") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def mutated_description(data: bytes, case: int) -> bytes:
    """Change values of the description in a weights file of the kit, without its checksum."""
    import h5py

    memory = io.BytesIO(data)
    with h5py.File(memory, "r+") as file:
        names = sorted(name for name in file.attrs if name.startswith("image_classifier_"))
        text = "".join(file.attrs[name] for name in names)
        changed = mutated_json(text.encode(), case)
        for name in names:
            del file.attrs[name]
        for number, start in enumerate(range(0, min(len(changed), 300_000), 60_000)):
            piece = changed[start : start + 60_000].decode("utf-8", "replace").replace("\0", "")
            file.attrs[f"image_classifier_{number}"] = piece[:20_000] if not piece.isascii() else piece
        file.attrs.pop("crc32", None)
    return memory.getvalue()


def mutated_config(data: bytes, case: int) -> bytes:
    """Change values of the configuration in an .h5 of `model.save`; in a quarter of the cases bytes of the file."""
    import h5py

    if case % 4 == 0:
        return mutated(data, case)
    memory = io.BytesIO(data)
    with h5py.File(memory, "r+") as file:
        changed = mutated_json(str(file.attrs["model_config"]).encode(), case)
        file.attrs["model_config"] = changed.decode("utf-8", "replace").replace("\0", "")[:60_000]
    return memory.getvalue()
