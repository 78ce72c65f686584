"""The photo in the body of a POST request: raw, or a field of a multipart form (RFC 7578)."""

from email.message import Message
from email.parser import HeaderParser
from typing import Any

FIELD = "photo"  # of a form; also the name of a photo that has none
_RAW = ("application/octet-stream", "image/")


class Refused(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP, such as "404 Not Found".
        message: for the client.
        headers: to send with it.
    """

    def __init__(self, status: str, message: str, *headers: tuple[str, str]):
        super().__init__(message)
        self.status, self.headers = status, headers


def read_photo(environ: dict[str, Any]) -> tuple[str, bytes]:
    """The name and the content of the photo in a request.

    Args:
        environ: of WSGI. The server has received the whole body and limited its size.

    Raises:
        Refused: there is no photo, or the body is of another type.
    """
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    content_type = environ.get("CONTENT_TYPE", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        name, content = _photo_of_form(body, content_type)
    elif not kind or kind.startswith(_RAW):
        name, content = FIELD, body
    else:
        raise Refused(
            "415 Unsupported Media Type",
            f"Content-Type: must be image/..., application/octet-stream or multipart/form-data, received {kind}",
        )
    if not content:
        raise Refused("400 Bad Request", f"no photo: send its bytes, or a form with the field {FIELD}")
    return name, content


def _photo_of_form(body: bytes, content_type: str) -> tuple[str, bytes]:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if not boundary:
        raise Refused("400 Bad Request", "Content-Type: multipart/form-data needs a boundary")
    *parts, end = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("utf-8", "surrogateescape"))
    if not end.startswith(b"--"):
        raise Refused("400 Bad Request", "the form is cut off or damaged")
    photos = []
    for part in parts[1:]:  # what comes before the first boundary is for no one
        head, _, content = part.partition(b"\r\n\r\n")
        headers = HeaderParser().parsestr(head.decode("utf-8", "replace").lstrip())
        if headers.get_param("name", header="content-disposition") == FIELD:
            photos.append((headers.get_filename() or FIELD, content))
    if len(photos) > 1:
        raise Refused("400 Bad Request", f"the form has {len(photos)} photos; send one with each request")
    if not photos:
        raise Refused("400 Bad Request", f"the form has no field {FIELD}")
    return photos[0]
