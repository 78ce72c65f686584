"""The options of predict.py --serve: what contradicts them is refused in one line."""

import argparse

import pytest

from image_kit.errors import UserError
from image_kit.programs import add_serve_options, refuse_wrong_serve_options


def checked(*options, **others):
    parser = argparse.ArgumentParser()
    add_serve_options(parser)
    usual = dict.fromkeys(("json", "csv", "explain", "show"), False) | dict.fromkeys(
        ("test_image", "output", "data_dir")
    )
    usual["photos"] = []
    args = parser.parse_args(options, argparse.Namespace(**usual | others))
    refuse_wrong_serve_options(args)
    return args.host, args.port


def test_it_listens_on_this_machine_only_if_nothing_else_is_said():
    assert checked("--serve") == ("127.0.0.1", 8000)
    assert checked("--serve", "--host", "::1", "--port", "0") == ("::1", 0)
    assert checked() == (None, None)


@pytest.mark.parametrize(
    ("options", "others", "said"),
    [
        (("--port", "0"), {}, "--port: 0 is for --serve; add it"),
        (("--host", "localhost"), {}, "--host: localhost is for --serve; add it"),
        (("--serve", "--port", "65536"), {}, "--port: must be from 0 to 65535, received 65536"),
        (("--serve", "--port=-1"), {}, "--port: must be from 0 to 65535, received -1"),
        (("--serve",), {"photos": ["a.jpg"]}, "PHOTO: a.jpg: not with --serve, which answers the photos that are"),
        (("--serve",), {"json": True}, "--json: not with --serve"),
        (("--serve",), {"test_image": 0, "show": True}, "--test-image: not with --serve"),
        (("--serve",), {"data_dir": "x"}, "--data-dir: not with --serve"),
    ],
)
def test_what_contradicts_is_refused(options, others, said):
    with pytest.raises(UserError) as refused:
        checked(*options, **others)
    assert str(refused.value).startswith(said)
