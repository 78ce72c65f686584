"""Photos in multipart forms: every content comes out as it was put in."""

import io

import pytest
from hypothesis import given, settings, strategies as st

from image_kit.programs.uploads import Refused, read_photo


def request(body: bytes, content_type: str) -> dict:
    return {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": content_type}


def form(*parts: tuple[str, bytes], boundary: str = "XX", before: bytes = b"") -> bytes:
    lines = [
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content for head, content in parts
    ]
    return before + b"".join(line + b"\r\n" for line in lines) + f"--{boundary}--\r\n".encode()


@settings(deadline=None)
@given(st.binary(min_size=1).filter(lambda content: b"\r\n--b'?" not in content), st.binary())
def test_any_content_comes_out_as_it_was(content, other):
    other = other.replace(b"\r\n--b'?", b"")
    body = form(('name="a"', other), ('name="photo"; filename="x"', content), boundary="b'?")
    assert read_photo(request(body, 'multipart/form-data; boundary="b\'?"')) == ("x", content)
    assert read_photo(request(content, "image/webp")) == ("photo", content)
    assert read_photo(request(content, "")) == ("photo", content)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ('name="photo"', "photo"),
        ("name=photo; filename=a.jpg", "a.jpg"),
        ('name="photo"; filename="猫 \'.jpg"', "猫 '.jpg"),
        ('name="photo"; filename="../../a.jpg"', "../../a.jpg"),
        ("name=\"photo\"; filename*=UTF-8''%E7%8C%AB.jpg", "猫.jpg"),
        ('name="photo"; filename=""', "photo"),
    ],
)
def test_names(head, name):
    body = form((head, b"x"), before=b"a preamble\r\n")
    assert read_photo(request(body, "multipart/form-data; boundary=XX")) == (name, b"x")


@pytest.mark.parametrize("body", [b"", b"--XX", b"--XX--", b"--XX\r\n--XX--", b"XX", form(('name="photos"', b"x"))])
def test_damaged_forms_are_refused(body):
    with pytest.raises(Refused) as refused:
        read_photo(request(body, "multipart/form-data; boundary=XX"))
    assert refused.value.status == "400 Bad Request"


def test_of_several_photos_none_is_dropped_without_a_word():
    body = form(('name="photo"; filename="a"', b"a"), ('name="photo"; filename="b"', b"b"))
    with pytest.raises(Refused, match=r"^the form has 2 photos; send one with each request$"):
        read_photo(request(body, "multipart/form-data; boundary=XX"))
