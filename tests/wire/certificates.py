"""Certificates of a test's own, by the openssl command: an authority, and what it signs (or not).

    made = certificates.folder()              # one for the process, made once
    made.server                               # a Pair: .cert, .key, for localhost, app.test, 127.0.0.1
    made.issue("x", "DNS:x.test", days=-1)    # another of the same authority
"""
import atexit
import datetime
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cached_property, lru_cache

NAMES = "DNS:localhost,DNS:app.test,DNS:*.app.test,IP:127.0.0.1,IP:::1"


def openssl(*arguments, stdin=None):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


@dataclass
class Pair:
    cert: str
    key: str


class Authority:
    """A folder with an authority in it, and whatever it issues."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.own = self.new_key(name)
        openssl("req", "-x509", "-new", "-key", self.own.key, "-out", self.own.cert, "-days", "30",
                "-subj", f"/CN=corsd test {name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    @property
    def cert(self):
        return self.own.cert

    def new_key(self, name, rsa=False):
        pair = Pair(os.path.join(self.folder, f"{name}.crt"), os.path.join(self.folder, f"{name}.key"))
        kind = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if rsa else \
            ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        openssl("genpkey", *kind, "-out", pair.key)
        return pair

    def issue(self, name, names=NAMES, start=-1, days=30, rsa=False, usage="serverAuth,clientAuth"):
        """A pair for these names, valid from `start` days from now for `days` days."""
        pair = self.new_key(name, rsa)
        request = openssl("req", "-new", "-key", pair.key, "-subj", f"/CN={name}")
        base = os.path.join(self.folder, f"{name}.issue")
        os.makedirs(base, exist_ok=True)
        settings = f"""
            [ca]
            default_ca = d
            [d]
            dir = {base}
            database = {base}/index
            serial = {base}/serial
            new_certs_dir = {base}
            default_md = sha256
            policy = p
            unique_subject = no
            x509_extensions = x
            rand_serial = yes
            [p]
            commonName = supplied
            [x]
            subjectAltName = {names}
            extendedKeyUsage = {usage}
            basicConstraints = critical,CA:FALSE
        """
        with open(os.path.join(base, "settings"), "w", encoding="ascii") as out:
            out.write("\n".join(line.strip() for line in settings.splitlines()))
        with open(os.path.join(base, "index"), "w", encoding="ascii"):
            pass
        with open(os.path.join(base, "request"), "wb") as out:
            out.write(request)
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=start)
        end = now + datetime.timedelta(days=days)
        openssl("ca", "-batch", "-notext", "-config", os.path.join(base, "settings"),
                "-cert", self.own.cert, "-keyfile", self.own.key, "-in", os.path.join(base, "request"),
                "-out", pair.cert, "-startdate", now.strftime("%Y%m%d%H%M%SZ"),
                "-enddate", end.strftime("%Y%m%d%H%M%SZ"))
        return pair


class Folder(Authority):
    """The usual ones; each is made when it is first asked for."""

    server = cached_property(lambda self: self.issue("server"))
    rsa = cached_property(lambda self: self.issue("rsa", rsa=True))
    client = cached_property(lambda self: self.issue("client", "DNS:client.test"))
    expired = cached_property(lambda self: self.issue("expired", start=-10, days=5))
    early = cached_property(lambda self: self.issue("early", start=5, days=5))
    elsewhere = cached_property(lambda self: self.issue("elsewhere", "DNS:elsewhere.test"))
    stranger = cached_property(lambda self: Authority(self.folder, "stranger").issue("strange"))


@lru_cache(maxsize=1)
def folder():
    """One folder for this process; gone when it ends."""
    path = tempfile.mkdtemp(prefix="corsd-certificates-")
    owner = os.getpid()
    atexit.register(lambda: os.getpid() == owner and shutil.rmtree(path, ignore_errors=True))
    return Folder(path)
