"""image_kit.lazy: names that are imported when they are first used."""

import pytest

from image_kit.lazy import lazy_names


def test_a_name_comes_from_its_module():
    get = lazy_names("image_kit", {"errors": "UserError first_line", "files": "write_json"})
    assert get("write_json").__module__ == "image_kit.files"
    assert get("first_line").__module__ == "image_kit.errors"


def test_other_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'image_kit' has no attribute 'other'"):
        lazy_names("image_kit", {"errors": "UserError"})("other")


def test_every_lazy_name_of_a_room_exists(run_python):
    code = """
import ast, importlib, pathlib
count = 0
for path in sorted(pathlib.Path("image_kit").glob("**/__init__.py")):
    package = importlib.import_module(".".join(path.parent.parts))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith(package.__name__ + "."):
            for alias in node.names:
                if alias.asname:  # the names that the room offers
                    getattr(package, alias.asname)
                    count += 1
print("done", count > 50)
"""
    process = run_python("-c", code)
    assert process.stdout == "done True\n", process.stderr[-2000:]
