import csv
import io

from hypothesis import given, strategies as st

from image_kit.tables import DELIMITERS, file_name, read_table

# Control characters and line ends inside a cell are for programs; a cell that looks empty would make an empty row.
CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8).filter(str.strip)


@given(
    rows=st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=5)),
    delimiter=st.sampled_from(DELIMITERS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_a_quoted_table_is_read_whatever_program_wrote_it(tmp_path_factory, rows, delimiter, encoding, line_end):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    expected = list(enumerate(rows, start=1))
    assert read_table(path, len(rows[0]), "the test") == expected
    assert read_table(path, None, "the test") == expected


def test_a_file_has_one_spelling():
    assert file_name(" .\\a\\e\u0301.jpg ") == file_name("a/é.jpg") == "a/é.jpg"
