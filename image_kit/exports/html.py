"""The one-file classifier: a page that answers pictures in a browser, offline, with nothing beside it.

The page is templates/page.html with its style and scripts, the engine's scripts as text for a worker, and the packed
network as base64. A Content-Security-Policy allows exactly these scripts and this style, by their hashes, and no
connection.
"""

import base64
import hashlib
import json
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from image_kit.errors import UserError, first_line
from image_kit.exports.html_answer import answer as answer
from image_kit.exports.page_data import TEMPLATES, engine_text, pack_page_data
from image_kit.exports.page_facts import PageFacts, describe_facts, read_page_facts
from image_kit.exports.source import Source
from image_kit.files import write_text
from image_kit.photos import FULL_BITS

if TYPE_CHECKING:  # takes .1 s, which only an export must wait for
    from jinja2 import Environment

STYLE = "page.css"
SCRIPTS = ("page_answers.js", "page_choosing.js", "page.js")  # in the order in which they run
NAMED = 6  # the most classes that the page's first sentence names
# Unicode's marks that turn the direction of the text after them, beyond the name that has them.
DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def write(source: Source, path: Path, facts: object = None) -> list[str]:
    """Write the page, whole or not at all; a file that exists is replaced.

    Args:
        source: the trained network.
        path: of the page.
        facts: what other formats need; the page tells what the run folder around the weights says.

    Returns:
        Lines for the user: none.

    Raises:
        UserError: the network has a layer that the page cannot compute, its data are damaged, or it was trained on
            samples that browsers do not read.
        OSError: the file cannot be written.
    """
    if (bits := source.description.preprocessing.sample_bits) != FULL_BITS:
        rule = f"browsers read 8 bits a sample, so photos of {bits} bits would be nearly black"
        raise UserError(f"--to html: {source.path}: {rule}; use another format")
    try:
        data = pack_page_data(source)
    except ValueError as error:
        raise UserError(f"--to html: {source.path}: {first_line(error)}; try saved_model") from None
    write_text(path, assemble(data, read_page_facts(source)))
    return []


def assemble(data: bytes, facts: PageFacts) -> str:
    """The page's text.

    Args:
        data: of `pack_page_data`.
        facts: what the page says about the network.
    """
    names = [shown(name) for name in facts.class_names]
    style, script = _read(STYLE), "\n".join(map(_read, SCRIPTS))
    return (
        _environment()
        .get_template("page.html")
        .render(
            facts={"title": shown(facts.title), "class_names": names},
            lines=describe_facts(facts),
            named=NAMED,
            policy=security_policy(script, style),
            style=style,
            script=script,
            engine_and_names=to_script_json({"engine": engine_text(), "classNames": names}),
            data=base64.b64encode(data).decode("ascii"),
        )
    )


def security_policy(script: str, style: str) -> str:
    """The Content-Security-Policy that allows this script, this style, the engine's worker and nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)} 'wasm-unsafe-eval'",
            f"style-src {_hash(style)}",
            "worker-src blob:",
            "img-src blob: data:",
            "connect-src 'none'",
            "form-action 'none'",
            "base-uri 'none'",
        )
    )


def shown(name: str) -> str:
    """A name as the page shows it: what cannot be seen, or turns the text around it, is written as \\x07 or \\u202e."""
    name = name.encode("utf-8", "backslashreplace").decode("utf-8")  # a folder's name may not be valid UTF-8
    return "".join(map(_shown_letter, name)) or "(no name)"


def to_script_json(value: object) -> str:
    """JSON that can stand in a script element: ASCII, and no "<" that could end the element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _shown_letter(letter: str) -> str:
    if letter in DIRECTIONS:
        return f"\\u{ord(letter):04x}"
    return f"\\x{ord(letter):02x}" if unicodedata.category(letter) == "Cc" else letter


def _read(name: str) -> str:
    """A part of the page without comments and indentation, which nobody reads there."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    return re.sub(r"^\s*//.*\n|^\s+|\s+//\s.*$|^\s*/\*.*\*/\n", "", text, flags=re.MULTILINE)


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # takes .1 s, which only an export must wait for

    return Environment(
        loader=PackageLoader("image_kit.exports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
