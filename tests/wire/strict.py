"""What DESIGN §3 makes of a client's bytes, and of a backend's: read once more, in another language,
all at once and without mercy. Tests that generate hostile bytes ask here what has to come of them."""
import re
from dataclasses import dataclass, field

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
TEXT = rb"[\t\x20-\x7e\x80-\xff]*"
REQUEST_LINE = re.compile(rb"(%s) ([\x21-\x7e]+) HTTP/1\.([01])\r\n" % TOKEN)
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: (%s))?\r\n" % TEXT)
FIELD_LINE = re.compile(rb"(%s):(%s)\r\n" % (TOKEN, TEXT))
SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(;%s)?\r\n" % TEXT)
LABEL = rb"[A-Za-z0-9_-]+"
HOST = re.compile(rb"(?:%s(?:\.%s)*\.?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{0,5}))?\Z" % (LABEL, LABEL))
MOST = 2 ** 63 - 1
HOST_MOST = 255


class Refused(Exception):
    """Not understood completely: `statuses` says what may be answered."""

    def __init__(self, *statuses):
        super().__init__(*statuses)
        self.statuses = statuses or (400,)


class Ended(Exception):
    """The bytes ended inside something that was right so far."""


@dataclass
class One:
    method: str
    target: str
    body: bytes
    own: int = None  # status of corsd's own answer, where it never reaches a backend


@dataclass
class Reading:
    requests: list = field(default_factory=list)  # whole and clean ones, in order
    refused: tuple = ()    # statuses of which one is the last answer
    cut: bool = False      # the bytes ended too early: nothing more is forwarded, an answer is optional


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def line(self, pattern, statuses=(400,)):
        found = pattern.match(self.data, self.at)
        if not found:
            if b"\n" not in self.data[self.at:] and not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", self.data[self.at:-1]):
                raise Ended
            raise Refused(*statuses)
        self.at = found.end()
        return found

    def take(self, count):
        if len(self.data) - self.at < count:
            self.at = len(self.data)
            raise Ended
        self.at += count
        return self.data[self.at - count:self.at]

    def starts(self, what):
        return self.data.startswith(what, self.at)

    @property
    def left(self):
        return self.at < len(self.data)


def read_fields(bytes_, most):
    fields = []
    while not bytes_.starts(b"\r\n"):
        if bytes_.data[bytes_.at:] in (b"", b"\r"):
            raise Ended
        name, value = bytes_.line(FIELD_LINE).groups()
        if name.lower() == b"content-length" and value.rstrip(b" ").endswith(b"\t"):
            raise Refused(400)  # right by RFC 9110 §5.5, and more than llhttp takes behind digits
        fields.append((name.lower(), value.strip(b" \t")))
        if len(fields) > most:
            raise Refused(431)
    bytes_.at += 2
    return fields


def all_of(fields, name):
    return [value for key, value in fields if key == name]


def items_of(fields, name):
    return [item.strip(b" \t").lower() for value in all_of(fields, name) for item in value.split(b",")]


def framing(fields, minor):
    """("none", 0), ("length", n) or ("chunked", 0), by RFC 9112 §6.3 with every doubt a refusal."""
    lengths, codings = all_of(fields, b"content-length"), all_of(fields, b"transfer-encoding")
    if codings:
        if lengths or len(codings) > 1 or minor == b"0":
            raise Refused(400)
        if codings[0].lower() != b"chunked":
            raise Refused(400, 501)
        return "chunked", 0
    if not lengths:
        return "none", 0
    if len(lengths) > 1 or not re.match(rb"[0-9]+\Z", lengths[0]) or int(lengths[0]) > MOST:
        raise Refused(400)
    return "length", int(lengths[0])


def read_chunks(bytes_, most_fields):
    body, excess = b"", 0
    while True:
        size, extension = bytes_.line(SIZE_LINE).groups()
        excess += len(extension or b"")
        if int(size, 16) > MOST or excess > 16384:
            raise Refused(400)
        if not int(size, 16):
            break
        body += bytes_.take(int(size, 16))
        if not bytes_.starts(b"\r\n"):
            if bytes_.data[bytes_.at:] in (b"", b"\r"):
                raise Ended
            raise Refused(400)
        bytes_.at += 2
    read_fields(bytes_, most_fields)
    return body


def is_host(text):
    found = HOST.match(text)
    return bool(found) and int(found[1] or 0) < 65536 and len(text.rpartition(b":")[0] or text) <= HOST_MOST


def check_target(method, target):
    rest = target
    if method == b"CONNECT":
        raise Refused(405)
    if method == b"TRACE":
        return
    if b"#" in target:
        raise Refused(400)
    if target == b"*":
        if method != b"OPTIONS":
            raise Refused(400)
        return
    if not target.startswith(b"/"):
        found = re.match(rb"https?://([^/?]*)(.*)\Z", target, re.I)
        if not found or not is_host(found[1]):
            raise Refused(400)
        rest = found[2]
    path = rest.split(b"?")[0]
    if re.search(rb"%(?![0-9A-Fa-f]{2})|%00", path):
        raise Refused(400)


def read_request(bytes_, most_fields):
    """The request, and whether the connection goes on behind it."""
    method, target, minor = bytes_.line(REQUEST_LINE).groups()
    fields = read_fields(bytes_, most_fields)
    kind, length = framing(fields, minor)
    check_target(method, target)
    hosts = all_of(fields, b"host")
    if len(hosts) > 1 or (not hosts and minor == b"1") or not all(map(is_host, hosts)):
        raise Refused(400)
    expects = all_of(fields, b"expect")
    if minor == b"1" and expects and (len(expects) > 1 or expects[0].lower() != b"100-continue"):
        raise Refused(417)
    body = b""
    if kind == "length":
        body = bytes_.take(length)
    elif kind == "chunked":
        body = read_chunks(bytes_, most_fields)
    options = items_of(fields, b"connection")
    goes_on = b"close" not in options and (minor == b"1" or b"keep-alive" in options)
    own = 405 if method == b"TRACE" else None
    goes_on = goes_on and (kind == "none" or not own)
    return One(method.decode("latin-1"), target.decode("latin-1"), body, own), goes_on


def read_requests(data, most_fields=100):
    bytes_, reading = Bytes(data), Reading()
    try:
        goes_on = True
        while goes_on:
            for _ in range(8):
                if bytes_.starts(b"\r\n"):
                    bytes_.at += 2
            if not bytes_.left:
                break
            one, goes_on = read_request(bytes_, most_fields)
            reading.requests.append(one)
    except Refused as refused:
        reading.refused = refused.statuses
    except Ended:
        reading.cut = True
    return reading


@dataclass
class Answer:
    """What a client must get: `status` and `body`; or, where they are None, a 502 or a cut."""
    status: int = None
    body: bytes = None
    reuse: bool = False  # the backend's connection may be used again


def read_response(data, method, most_fields=100):
    """A final response that a backend sends and then closes behind."""
    bytes_ = Bytes(data)
    try:
        while True:
            minor, status, _ = bytes_.line(STATUS_LINE).groups()
            fields = read_fields(bytes_, most_fields)
            kind, length = framing(fields, minor)
            if int(status) >= 200:
                break
            if int(status) == 101:
                return Answer()
        if int(status) in (204, 304) or method == "HEAD":
            body = b""
        elif kind == "length":
            body = bytes_.take(length)
        elif kind == "chunked":
            body = read_chunks(bytes_, most_fields)
        else:
            body = b"" if all_of(fields, b"content-length") else data[bytes_.at:]
    except (Refused, Ended):
        return Answer()
    return Answer(int(status), body)
