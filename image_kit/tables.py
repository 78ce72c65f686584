"""CSV files as spreadsheets and people write them: any of the usual separators, encodings and line ends."""

import codecs
import contextlib
import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from image_kit.errors import UserError, name_disk_failure
from image_kit.retries import read_again

DELIMITERS = ",;\t"  # Excel writes semicolons where the comma is the decimal sign
FORMULAS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")  # beginnings; the wide ones in Japanese Excel
STDIN = "-"  # a photo's name in predict.py
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx, .ods, .numbers; .xls
OTHER_TEXT = "neither UTF-8 nor UTF-16 text; save it as CSV in UTF-8"
UTF8 = "utf-8-sig"
ENCODINGS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
ENCODINGS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # Excel's "Unicode text"
# Letters of Cyrillic and Greek that look like Latin ones.
TWINS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",  # noqa: RUF001
    "ABESIJKMHOPCTYXaesijopcyxABEZHIKMNOPTYXo",
)


def read_table(
    csv_path: Path, columns: int | None = None, needed_by: str = "the command", keeps_bytes: bool = False
) -> list[tuple[int, list[str]]]:
    """Read a CSV file. Commas, semicolons or tabs separate; quotes, a byte order mark, UTF-16, any line ends are fine.

    Args:
        csv_path: the file.
        columns: how many cells a row should have, which tells the separator; None: as many as the first row, and at
            least two. If no separator gives all rows that many, it is the one that gives the first row most cells, and
            the caller must check the rows.
        needed_by: what needs the file, for the message if it cannot be read.
        keeps_bytes: whether bytes that are not UTF-8 are kept as in Python's names of files, which may have such bytes;
            the caller asks `refuse_other_text` about names that it does not find. False: they are refused.

    Returns:
        The line and the cells of each row that is not empty.

    Raises:
        UserError: the file cannot be read, is no text, or no separator makes a table of it.
    """
    text = _read_text(csv_path, needed_by, keeps_bytes)
    stated = re.match(r'"?sep=(.)"?(?=[\r\n])', text)  # a first line for Excel
    tables: list[list[tuple[int, list[str]]]] = []
    problem = ""
    for delimiter in stated[1] if stated else DELIMITERS:  # if none fits, the complaint is about commas
        try:
            rows = _parse(text[stated.end() :] if stated else text, delimiter)
        except csv.Error as error:
            problem = problem or str(error)
            continue
        tables.append(rows)
    for rows in reversed(tables):
        if rows and {len(row) for _, row in rows} == {columns or max(2, len(rows[0][1]))}:
            return rows
    # Excel leaves out empty cells at the end of some rows.
    widest = max(tables, key=lambda rows: len(rows[0][1]) if rows else 0, default=[])
    if problem and (not widest or len(widest[0][1]) < 2):
        raise UserError(f"{csv_path}: not a CSV file ({problem})")
    return widest


def file_name(text: str) -> str:
    """One spelling for each file: with single /, without ./, and accents as one letter (macOS stores them apart)."""
    name = re.sub("/+", "/", text.strip().replace("\\", "/"))
    return unicodedata.normalize("NFC", name.removeprefix("./").lstrip())


def existing_spelling(argument: str) -> str:
    """A path, or --option=PATH; with accents in one letter or apart, if that is there and the path is not."""
    option, sign, path = argument.partition("=") if argument.startswith("--") else ("", "", argument)
    if path.isascii() or os.path.lexists(path):
        return argument
    found = ""
    for part in Path(path).parts:  # each may be stored in another form
        forms = (os.path.join(found, unicodedata.normalize(form, part)) for form in ("NFC", "NFD"))
        there = next(filter(os.path.lexists, (os.path.join(found, part), *forms)), None)
        if there is None:
            return argument
        found = there
    return f"{option}{sign}{found}"


def cell_of_name(name: str) -> str:
    """The name of a file for a cell: as ./=x.jpg, still a true path, where a spreadsheet would compute a formula.

    A folder from somebody else may have names that run commands so. `file_name` takes the ./ away again.
    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"./{name}" if name.startswith(FORMULAS) and name != STDIN else name


def cell_of_class(name: str) -> str:
    """The same for the name of a class, which programs compare: only a formula that could do harm becomes a text.

    Such a one calls a function, a program or another file. Spreadsheets take what begins with an apostrophe for a text.
    """
    return f"'{name}" if name.startswith(FORMULAS) and re.search(r"[(|!]", name) else name


def encoding_for(names: Iterable[str]) -> str:
    """UTF-8; with a byte order mark if there are letters that Excel would take for others without it."""
    return "utf-8" if all(name.isascii() for name in names) else UTF8


def visible_spelling(name: str) -> str:
    """The same for names that differ only in capitals, in spaces or dots at the end, or in what is invisible.

    Or in a letter of another script, in a name that has both.
    """
    if _mixes_scripts(name):
        name = name.translate(TWINS)
    letters = "".join(letter for letter in name if unicodedata.category(letter) not in ("Cf", "Cc"))
    return " ".join(letters.casefold().split()).rstrip(" .")


def tell_apart(name: str, others: Iterable[str]) -> str:
    """A name that is not among others, for a message; with one that it is almost, or the end of, if there is such."""
    wanted = visible_spelling(name)
    almost = next((other for other in others if f"/{visible_spelling(other)}".endswith(f"/{wanted}")), None)
    return name if almost is None else f"'{_with_invisible(name)}' (there is '{_with_invisible(almost)}')"


def _mixes_scripts(name: str) -> bool:
    """Whether a name has Latin letters and some that look like them: no word has, but characters may be classes."""
    return any(letter.isascii() and letter.isalpha() for letter in name) and any(
        ord(letter) in TWINS for letter in name
    )


def _with_invisible(name: str) -> str:
    """The name with what is not seen as \\u200b or \\xa0, and with \\u0430 for a Cyrillic a among Latin letters."""
    is_seen = {letter: letter == " " or unicodedata.category(letter) not in ("Cf", "Cc", "Zs") for letter in name}
    if _mixes_scripts(name):
        is_seen |= {letter: False for letter in name if ord(letter) in TWINS}
    return "".join(letter if is_seen[letter] else ascii(letter)[1:-1] for letter in name)


def refuse_other_text(csv_path: Path | str, unknown: Iterable[str]) -> None:
    """Raise UserError if names that are not found have bytes that are not UTF-8: the table is in another encoding."""
    if any("\udc80" <= letter <= "\udcff" for name in unknown for letter in name):
        raise UserError(f"{csv_path}: {OTHER_TEXT}")


def as_utf8(data: bytes) -> bytes:
    """A text with a byte order mark, as Windows writes it, in UTF-8 without one; other bytes as they are."""
    encoding = _encoding(data)
    with contextlib.suppress(UnicodeDecodeError):
        return data.removeprefix(codecs.BOM_UTF8) if encoding == UTF8 else data.decode(encoding).encode()
    return data


def _encoding(data: bytes) -> str:
    return next((name for mark, name in ENCODINGS.items() if data.startswith(mark)), UTF8)  # UTF-32 begins as UTF-16


def _parse(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]


def _read_text(csv_path: Path, needed_by: str, keeps_bytes: bool) -> str:
    try:
        data = read_again(Path.read_bytes)(csv_path)
    except OSError as error:
        raise UserError(
            f"{csv_path}: cannot be read ({name_disk_failure(error) or error.strerror}); {needed_by} needs a CSV file"
        ) from error
    if data.startswith(WORKBOOKS):
        raise UserError(f"{csv_path}: a workbook or an archive and not a CSV file; save its sheet as CSV in UTF-8")
    encoding = _encoding(data)
    try:
        text = data.decode(encoding, "surrogateescape" if keeps_bytes and encoding == UTF8 else "strict")
    except UnicodeDecodeError as error:
        raise UserError(f"{csv_path}: {OTHER_TEXT}") from error
    if "\0" in text:
        raise UserError(f"{csv_path}: contains zero bytes: no text, or UTF-16 without its mark; save it as UTF-8")
    return text
