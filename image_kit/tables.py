"""CSV files as spreadsheets and people write them: any of the usual separators, encodings and line ends."""

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from image_kit.errors import UserError, name_disk_failure
from image_kit.retries import read_again

DELIMITERS = ",;\t"  # Excel writes semicolons where the comma is the decimal sign
FORMULAS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")  # beginnings; the wide ones in Japanese Excel
STDIN = "-"  # a photo's name in predict.py
OTHER_TEXT = "neither UTF-8 nor UTF-16 text; save it as CSV in UTF-8"
ENCODINGS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
ENCODINGS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # Excel's "Unicode text"


def read_table(
    csv_path: Path, columns: int | None = None, needed_by: str = "the command", keeps_bytes: bool = False
) -> list[tuple[int, list[str]]]:
    """Read a CSV file. Commas, semicolons or tabs separate; quotes, a byte order mark, UTF-16, any line ends are fine.

    Args:
        csv_path: the file.
        columns: how many cells a row should have, which tells the separator; None: as many as the first row, and at
            least two. If no separator gives all rows that many, it is the comma, and the caller must check the rows.
        needed_by: what needs the file, for the message if it cannot be read.
        keeps_bytes: whether bytes that are not UTF-8 are kept as in Python's names of files, which may have such bytes;
            the caller asks `refuse_other_text` about names that it does not find. False: they are refused.

    Returns:
        The line and the cells of each row that is not empty.

    Raises:
        UserError: the file cannot be read, is no text, or no separator makes a table of it.
    """
    text = _read_text(csv_path, needed_by, keeps_bytes)
    rows: list[tuple[int, list[str]]] = []
    problem = ""
    for delimiter in reversed(DELIMITERS):  # if none fits, the complaint is about commas
        try:
            rows = _parse(text, delimiter)
        except csv.Error as error:
            problem = str(error)
            continue
        problem = ""
        if rows and {len(row) for _, row in rows} == {columns or max(2, len(rows[0][1]))}:
            break
    if problem:
        raise UserError(f"{csv_path}: not a CSV file ({problem})")
    return rows


def file_name(text: str) -> str:
    """One spelling for each file: with /, without ./, and accents as one letter (macOS stores them apart)."""
    return unicodedata.normalize("NFC", text.strip().replace("\\", "/").removeprefix("./").lstrip())


def cell_of_name(name: str) -> str:
    """The name of a file for a cell: as ./=x.jpg, still a true path, where a spreadsheet would compute a formula.

    A folder from somebody else may have names that run commands so. `file_name` takes the ./ away again.
    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"./{name}" if name.startswith(FORMULAS) and name != STDIN else name


def visible_spelling(name: str) -> str:
    """The same for names that differ only in capitals, in spaces or dots at the end, or in what is invisible."""
    letters = "".join(letter for letter in name if unicodedata.category(letter) not in ("Cf", "Cc"))
    return " ".join(letters.casefold().split()).rstrip(" .")


def tell_apart(name: str, others: Iterable[str]) -> str:
    """A name that is not among others, for a message; with the one that it is almost, if there is such."""
    wanted = visible_spelling(name)
    almost = next((other for other in others if visible_spelling(other) == wanted), None)
    return name if almost is None else f"'{_with_invisible(name)}' (there is '{_with_invisible(almost)}')"


def _with_invisible(name: str) -> str:
    """The name with what is not seen as \\u200b or \\xa0."""
    is_seen = {letter: letter == " " or unicodedata.category(letter) not in ("Cf", "Cc", "Zs") for letter in name}
    return "".join(letter if is_seen[letter] else ascii(letter)[1:-1] for letter in name)


def refuse_other_text(csv_path: Path | str, unknown: Iterable[str]) -> None:
    """Raise UserError if names that are not found have bytes that are not UTF-8: the table is in another encoding."""
    if any("\udc80" <= letter <= "\udcff" for name in unknown for letter in name):
        raise UserError(f"{csv_path}: {OTHER_TEXT}")


def _parse(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]


def _read_text(csv_path: Path, needed_by: str, keeps_bytes: bool) -> str:
    try:
        data = read_again(Path.read_bytes)(csv_path)
    except OSError as error:
        raise UserError(
            f"{csv_path}: cannot be read ({name_disk_failure(error) or error.strerror}); {needed_by} needs a CSV file"
        ) from error
    # UTF-32 begins as UTF-16 does.
    encoding = next((name for mark, name in ENCODINGS.items() if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding, "surrogateescape" if keeps_bytes and encoding == "utf-8-sig" else "strict")
    except UnicodeDecodeError as error:
        raise UserError(f"{csv_path}: {OTHER_TEXT}") from error
    if "\0" in text:
        raise UserError(f"{csv_path}: contains zero bytes: no text, or UTF-16 without its mark; save it as UTF-8")
    return text
