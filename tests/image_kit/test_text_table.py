import pytest

from image_kit.text_table import display_width, end_of, table


def test_a_table_aligns_numbers_right():
    rows = [("class", "photos"), ("cats", "7"), ("a longer name", "12,345")]
    assert table(rows).splitlines() == [
        "class          photos",
        "cats                7",
        "a longer name  12,345",
    ]


def test_a_table_aligns_text_left_without_trailing_spaces():
    assert table([("a", "b"), ("long", "wide")], numbers=False).splitlines() == ["a     b", "long  wide"]


def test_a_table_counts_columns_and_not_letters():
    wide, accented, joined = "猫", "e\u0301", "a\u200db"  # two columns, one, two
    lines = table([("name", "1"), (wide, "2"), (accented, "3"), (joined, "4")]).splitlines()
    assert lines == ["name  1", f"{wide}    2", f"{accented}     3", f"{joined}    4"]


def test_rows_of_a_table_must_have_the_same_number_of_cells():
    with pytest.raises(ValueError, match="shorter"):
        table([("a", "b"), ("c",)])


def test_a_cell_of_a_table_stays_on_its_line():
    assert table([["a\nb", "c\td"], ["1", "2"]]) == "a\\x0ab  c\\x09d\n1" + 12 * " " + "2"


@pytest.mark.parametrize(
    ("width", "end"), [(9, "ab猫猫c"), (7, "ab猫猫c"), (6, "…猫猫c"), (5, "…猫c"), (3, "…c"), (1, "…")]
)
def test_the_end_of_a_text_takes_no_more_columns_than_there_are(width, end):
    assert end_of("ab猫猫c", width) == end
    assert display_width(end) <= width
