"""Real servers as backends: nginx, Apache httpd, Node. Each keeps a record of its own of every
request it took, in its access log, and answers each with 200 and a short body, once it has read the
request's (Apache: GET and POST; other methods get 405).

    with Nginx() as server:
        corsd = given("listen: LISTEN\\nupstream: SERVER\\n…", SERVER=server.url)
        corsd.ask(get("/x"))
        assert [(seen.method, seen.target) for seen in server.saw(1)] == [("GET", "/x")]

A server's own refusal (a 400) is a record too: corsd sent it what it could not read.
"""
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass

from harness import PATIENCE, Corsd, free_port

PATH = os.environ.get("PATH", "") + ":/usr/sbin"


@dataclass(frozen=True)
class Seen:
    status: int     # what the server answered
    method: str     # "-" where it could not even read that
    target: str
    received: int   # bytes of the body, where it says so (Node); else -1


class RealServer:
    """A server in a folder of its own, on a loopback port; ended by its pid."""
    program = None

    def __init__(self, **words):
        """words: what the configuration's words in capitals stand for, beside PORT and FOLDER."""
        self.folder = tempfile.mkdtemp(prefix="corsd-real-")
        os.chmod(self.folder, 0o755)  # a server may drop its rights
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self.words = {"PORT": self.port, "FOLDER": self.folder, **words}
        self.process = None
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    @classmethod
    def is_there(cls):
        return shutil.which(cls.program, path=PATH) is not None

    def command(self):
        raise NotImplementedError

    def write(self, name, text):
        for word, value in self.words.items():
            text = text.replace(word, str(value))
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def start(self):
        errors = os.path.join(self.folder, "stderr")
        command = [shutil.which(self.program, path=PATH) or self.program, *self.command()]
        with open(errors, "wb") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with open(errors, encoding="utf-8", errors="replace") as text:
                assert self.process.poll() is None, f"{self.program} ended at its start:\n{text.read()}"
            with contextlib.suppress(ConnectionRefusedError):
                Corsd.dial(self.address).close()
                return
            time.sleep(0.01)
        raise AssertionError(f"{self.program} does not listen")

    @property
    def seen(self):
        """Every request so far, in the order in which they ended."""
        try:
            with open(os.path.join(self.folder, "access"), encoding="latin-1", newline="\n") as log:
                lines = log.read().split("\n")[:-1]
        except FileNotFoundError:
            return []
        records = [line.split("\t") for line in lines]
        return [Seen(int(status), method or "-", target, int(received))
                for status, method, target, received in records if status != "408"]

    def saw(self, count, within=PATIENCE):
        """Waits for so many records; all that are there then."""
        end = time.monotonic() + within
        while len(self.seen) < count and time.monotonic() < end:
            time.sleep(0.01)
        return self.seen

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Nginx(RealServer):
    program = "nginx"
    conf = """
daemon off;
master_process off;
worker_processes 1;
pid FOLDER/pid;
error_log FOLDER/error;
events { worker_connections 1024; }
http {
    log_format seen "$status\\t$request_method\\t$request_uri\\t-1";
    access_log FOLDER/access seen;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    client_max_body_size 0;
    lingering_close off; # a record is written when the connection was closed
    server {
        listen 127.0.0.1:PORT;
        location / { proxy_pass http://unix:FOLDER/inner:; } # which waits for a request's whole body
    }
    server {
        listen unix:FOLDER/inner;
        access_log off;
        location / { return 200 "nginx\\n"; }
    }
}
"""

    @classmethod
    def serving(cls, location):
        """Its configuration with this location in front, and nothing behind."""
        return re.sub(r"location / { proxy_pass http://unix:.*", lambda _: location, cls.conf)

    def command(self):
        return ["-p", self.folder, "-e", os.path.join(self.folder, "error"), "-c",
                self.write("nginx.conf", self.conf)]


class Apache(RealServer):
    """From the package apache2-bin: the program and its modules, and no service."""
    program = "apache2"
    modules = "/usr/lib/apache2/modules"
    conf = """
ServerRoot FOLDER
ServerName 127.0.0.1
DefaultRuntimeDir FOLDER
PidFile FOLDER/pid
Mutex file:FOLDER default
Listen 127.0.0.1:PORT
LoadModule mpm_event_module MODULES/mod_mpm_event.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule alias_module MODULES/mod_alias.so
ServerLimit 1
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 64
MinSpareThreads 1
MaxSpareThreads 64
KeepAliveTimeout 60
ErrorLog FOLDER/error
LogFormat "%>s\\t%m\\t%U%q\\t-1" seen
CustomLog FOLDER/access seen
AliasMatch ^ FOLDER/answer
"""

    def command(self):
        self.words["MODULES"] = self.modules
        self.write("answer", "apache\n")
        return ["-f", self.write("apache.conf", self.conf), "-D", "FOREGROUND"]


class Node(RealServer):
    program = "node"
    script = """
const fs = require("fs"), http = require("http");
const note = (...words) => fs.appendFileSync("FOLDER/access", words.join("\\t") + "\\n", "latin1");
const server = http.createServer({ keepAliveTimeout: 60000, requestTimeout: 0 }, (request, response) => {
    let received = 0;
    request.on("data", (data) => { received += data.length; });
    request.on("end", () => {
        note(200, request.method, request.url, received);
        response.end("node\\n");
    });
});
server.on("clientError", (error, socket) => {
    if (error.code !== "ECONNRESET") {
        note(400, "-", error.code, -1);
        socket.end("HTTP/1.1 400 Bad Request\\r\\nConnection: close\\r\\n\\r\\n");
    } else
        socket.destroy();
});
server.listen(PORT, "127.0.0.1");
"""

    def command(self):
        return [self.write("server.js", self.script)]


SERVERS = {"nginx": Nginx, "apache": Apache, "node": Node}
