"""Folders in which no photo can be read, or one: every check answers."""

import pytest

from image_kit.checks import (
    find_copies,
    find_films,
    find_imbalance,
    find_near_copies,
    find_odd_files,
    find_shortcuts,
    find_unlike_parts,
    read_file_facts,
    write_groups,
)
from image_kit.features import read_groups

pytest_plugins = ["tests.fixtures.checked_sets"]


@pytest.mark.parametrize("readable", [0, 1])
def test_every_check_answers(readable, picture_folder, checked, tmp_path):
    folder = picture_folder({"cat": range(readable), "dog": range(0)})
    for name in ("cat", "dog"):
        (folder / name / "broken.jpg").write_bytes(b"nothing")
    photos = checked(folder)
    facts = read_file_facts(photos.paths)
    pairs = find_near_copies(photos, facts)
    groups, films = find_films(photos, facts, pairs)
    assert [*pairs, *films, *find_copies(photos, facts, pairs)] == []
    assert [*find_shortcuts(photos, facts), *find_unlike_parts(photos)] == []
    assert [each.kind for each in find_odd_files(photos, facts)] == ["unreadable", "unreadable"]
    assert "have fewer than 20 photos" in find_imbalance(photos)[0].evidence
    write_groups(tmp_path / "groups.csv", photos, groups)
    paths = [*photos.paths, folder / "cat/broken.jpg", folder / "dog/broken.jpg"]
    assert len(set(read_groups(tmp_path / "groups.csv", folder, paths))) == readable + 2
