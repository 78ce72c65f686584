"""The options of predict.py --serve."""

import argparse
from importlib.util import find_spec

from image_kit.errors import UserError

HOST, PORT = "127.0.0.1", 8000
MAX_PORT = 65_535


def add_serve_options(parser: argparse.ArgumentParser) -> None:
    """Add --serve, --host and --port."""
    serving = parser.add_argument_group("as a page and an address on this machine (docs/serving.md)")
    serving.add_argument("--serve", action="store_true", help="answer photos at http://HOST:PORT/ until Ctrl-C")
    serving.add_argument("--host", metavar="NAME", help=f"address to listen at (default: {HOST}, this machine only)")
    serving.add_argument("--port", metavar="N", type=int, help=f"port, 0 for any that is free (default: {PORT})")


def refuse_wrong_serve_options(args: argparse.Namespace) -> None:
    """Fill in --host and --port; raise UserError if options contradict --serve, or if its package is missing."""
    if not args.serve:
        for name in ("host", "port"):
            if (value := getattr(args, name)) is not None:
                raise UserError(f"--{name}: {value} is for --serve; add it")
        return
    # --explain and --test-image also set --show, so it comes after them.
    of_photos = ("json", "csv", "explain", "test_image", "show", "output", "data_dir")
    # Image 0 is an image, too.
    others = [name for name in of_photos if getattr(args, name) is not None and getattr(args, name) is not False]
    if args.photos or others:
        other = f"--{others[0].replace('_', '-')}" if others else f"PHOTO: {args.photos[0]}"
        raise UserError(f"{other}: not with --serve, which answers the photos that are sent to it; leave one out")
    args.host = HOST if args.host is None else args.host
    args.port = PORT if args.port is None else args.port
    if not 0 <= args.port <= MAX_PORT:
        raise UserError(f"--port: must be from 0 to {MAX_PORT}, received {args.port}")
    if not find_spec("waitress"):
        raise UserError('--serve: needs the package waitress, which is not installed; run: pip install ".[serve]"')
