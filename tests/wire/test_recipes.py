"""docs/recipes: each page's configuration and program, taken from the page, with the real backend behind it."""
import gzip
import json
import os
import re
import shutil
import urllib.request

import pytest

from harness import HOUSE, cors, get, preflight, request, vary
from real_servers import Apache, Nginx, RealServer

APP = "https://app.example.com"
ORIGIN = f"Origin: {APP}"
PAGES = os.path.join(HOUSE, "docs/recipes")
MODULES = os.path.join(HOUSE, "tests/browser/node_modules")


def blocks(page, language):
    with open(os.path.join(PAGES, page), encoding="utf-8") as text:
        return re.findall(rf"^```{language}\n(.*?)^```$", text.read(), re.M | re.S)


def front(given, yaml, address, url):
    """corsd by a page's YAML, its addresses replaced by free ones."""
    assert yaml.count(address) == 1 and yaml.count("127.0.0.1:8080") == 1
    return given(yaml.replace("127.0.0.1:8080", "LISTEN").replace(address, url))


def needs(there, what):
    return pytest.mark.skipif(not there, reason=f"{what} is not installed")


class Express(RealServer):
    program = "node"

    def __init__(self, script):
        self.script = script.replace("3000", "PORT")
        super().__init__()

    def command(self):
        os.symlink(MODULES, os.path.join(self.folder, "node_modules"))
        return [self.write("app.js", self.script)]


class Php(RealServer):
    program = "php"

    def __init__(self, script):
        self.script = script
        super().__init__()

    def command(self):
        return ["-n", "-d", f"session.save_path={self.folder}", "-d", "expose_php=1",
                "-S", self.address, self.write("index.php", self.script)]


class Gunicorn(RealServer):
    program = "gunicorn"

    def __init__(self, script):
        self.script = script
        super().__init__()

    def command(self):
        self.write("app.py", self.script)
        self.socket = os.path.join(self.folder, "app.sock")
        return ["--chdir", self.folder, "--bind", f"unix:{self.socket}", "--bind", self.address, "app"]


class Files(Apache):
    def __init__(self, lines):
        modules = "".join(
            f"LoadModule {name}_module MODULES/mod_{name}.so\n" for name in ("dir", "headers", "remoteip", "mime"))
        self.conf = re.sub(r"(?m)^AliasMatch .*$", modules + "TypesConfig /dev/null", Apache.conf) + lines.replace(
            "/srv/www", "FOLDER/www")
        super().__init__()

    def command(self):
        os.makedirs(os.path.join(self.folder, "www/docs"))
        self.write("www/docs/index.html", "the docs")
        self.write("www/a.txt", "a file")
        return super().command()


class Tomcat(RealServer):
    """From the package tomcat10-user: a private instance, and no service."""
    program = "java"
    home = "/usr/share/tomcat10"
    server = """<Server port="-1"><Service name="Catalina"><Connector port="PORT" address="127.0.0.1" />
<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps">VALVE</Host></Engine>
</Service></Server>"""
    web = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
<filter><filter-name>cors</filter-name><filter-class>org.apache.catalina.filters.CorsFilter</filter-class>
<init-param><param-name>cors.allowed.origins</param-name><param-value>https://old.example.com</param-value></init-param>
</filter><filter-mapping><filter-name>cors</filter-name><url-pattern>/*</url-pattern></filter-mapping></web-app>"""

    def __init__(self, valve, page):
        self.page = page
        super().__init__(VALVE=valve)

    @classmethod
    def is_there(cls):
        return super().is_there() and os.path.isdir(cls.home)

    def command(self):
        os.makedirs(os.path.join(self.folder, "webapps/shop/WEB-INF"))
        os.makedirs(os.path.join(self.folder, "temp"))
        shutil.copytree("/usr/share/tomcat10/skel/conf", os.path.join(self.folder, "conf"))
        self.write("conf/server.xml", self.server)
        self.write("webapps/shop/index.jsp", self.page)
        self.write("webapps/shop/WEB-INF/web.xml", self.web)
        jars = ":".join(f"{self.home}/bin/{name}.jar" for name in ("bootstrap", "tomcat-juli"))
        return ["-cp", jars, f"-Dcatalina.home={self.home}", f"-Dcatalina.base={self.folder}",
                f"-Djava.io.tmpdir={self.folder}/temp", "org.apache.catalina.startup.Bootstrap", "start"]


class Page(Nginx):
    def __init__(self, lines):
        self.conf = Nginx.serving(lines)
        super().__init__()


with_express = needs(shutil.which("node") and os.path.isdir(os.path.join(MODULES, "express")), "express")


@with_express
def test_express(given, backend):
    with Express(blocks("express.md", "js")[0]) as server:
        corsd = front(given, blocks("express.md", "yaml")[0], "http://127.0.0.1:3000", server.url)
        answer = corsd.ask(get("/api/me", ORIGIN, "X-Forwarded-For: 203.0.113.66"))
        assert json.loads(answer.body) == {"user": "ada", "ip": "127.0.0.1"}
        assert cors(answer) == {"allow-origin": APP, "allow-credentials": "true"}
        asked = corsd.ask(preflight("/api/me", APP, "PUT", "Access-Control-Request-Headers: content-type"))
        assert asked.status == 204 and cors(asked)["allow-methods"] == "GET, PUT"
        saved = corsd.ask(request("PUT", "/api/me", ORIGIN, "Content-Type: application/json", body=b'{"user": "bob"}'))
        assert json.loads(saved.body) == {"saved": "bob"}


@with_express
@pytest.mark.parametrize("yaml, seen", [(0, APP), (1, None)], ids=["as it is", "origin: remove"])
def test_express_with_cors(given, backend, yaml, seen):
    with Express(blocks("express.md", "js")[1]) as server:
        corsd = front(given, blocks("express.md", "yaml")[yaml], "http://127.0.0.1:3000", server.url)
        answer = corsd.ask(get("/api/me", ORIGIN))
        assert json.loads(answer.body) == {"user": "ada", "origin": seen}
        assert cors(answer) == {"allow-origin": APP, "allow-credentials": "true"}
        assert "origin" in vary(answer)
        assert corsd.ask(preflight("/api/me", APP, "GET")).status == 204
        assert not cors(corsd.ask(get("/api/me", "Origin: https://old.example.com")))


@needs(Php.is_there(), "php")
def test_php(given, backend):
    with Php(blocks("php.md", "php")[0]) as server:
        corsd = front(given, blocks("php.md", "yaml")[0], "http://127.0.0.1:9000", server.url)
        public = f"http://{corsd.words['LISTEN']}"
        login = corsd.ask(get("/shop/login", ORIGIN, host=corsd.words["LISTEN"]))
        assert login.status == 302 and login.one("Location") == f"{public}/shop/home"
        assert cors(login) == {"allow-origin": APP, "allow-credentials": "true"}
        assert not login.has("X-Powered-By")
        cookie, _, attributes = login.one("Set-Cookie").partition(";")
        assert attributes.split("; ")[-2:] == ["SameSite=None", "Secure"] and " Path=/shop;" in attributes
        home = corsd.ask(get("/shop/home", ORIGIN, f"Cookie: {cookie}", host=corsd.words["LISTEN"]))
        assert home.body == b"/home ada"
        assert corsd.ask(get("/home")).status == 404


@needs(Gunicorn.is_there(), "gunicorn")
def test_wsgi(given, backend):
    with Gunicorn(blocks("wsgi.md", "python")[0]) as server:
        corsd = front(given, blocks("wsgi.md", "yaml")[0], "/run/app/app.sock", server.socket)
        answer = corsd.ask(get("/a", ORIGIN, "X_Forwarded_For: 203.0.113.66"))
        assert answer.body == b"http 127.0.0.1 /a"
        assert cors(answer) == {"allow-origin": APP, "expose-headers": "X-Total"}


@needs(Apache.is_there(), "apache2")
def test_apache(given, backend):
    with Files(blocks("apache.md", "apache")[0]) as server:
        corsd = front(given, blocks("apache.md", "yaml")[0], "http://127.0.0.1:8081", server.url)
        answer = corsd.ask(get("/files/a.txt", ORIGIN))
        assert answer.body == b"a file" and cors(answer) == {"allow-origin": APP}
        moved = corsd.ask(get("/files/docs", ORIGIN, host=corsd.words["LISTEN"]))
        assert moved.status == 301 and moved.one("Location") == f"http://{corsd.words['LISTEN']}/files/docs/"
        assert corsd.ask(get("/files/docs/", ORIGIN)).body == b"the docs"


@needs(Nginx.is_there(), "nginx")
def test_nginx(given, backend):
    with Page(blocks("nginx.md", "nginx")[0]) as server:
        corsd = front(given, blocks("nginx.md", "yaml")[0], "http://127.0.0.1:8081", server.url)
        answer = corsd.ask(get("/", ORIGIN, "Accept-Encoding: gzip"))
        assert answer.one("Content-Encoding") == "gzip" and gzip.decompress(answer.body) == b"client 127.0.0.1\n"
        assert cors(answer) == {"allow-origin": APP} and not answer.has("Via")


@pytest.mark.long
@needs(Tomcat.is_there(), "tomcat10-user")
def test_tomcat(given, backend):
    with Tomcat(blocks("tomcat.md", "xml")[0], blocks("tomcat.md", "jsp")[0]) as server:
        corsd = front(given, blocks("tomcat.md", "yaml")[0], "http://127.0.0.1:8081", server.url)
        public = "shop.example.com"
        urllib.request.urlopen(f"{server.url}/shop/index.jsp?again", timeout=300).close()  # compiles the page
        moved = corsd.ask(get("/shop/index.jsp", ORIGIN, host=public))
        assert moved.status == 302 and moved.one("Location") == f"http://{public}/shop/index.jsp?again"
        assert " Path=/shop;" in moved.one("Set-Cookie") and moved.one("Set-Cookie").endswith("; SameSite=None; Secure")
        answer = corsd.ask(get("/shop/index.jsp?again", ORIGIN, host=public))
        assert answer.status == 200 and answer.body.split() == [b"http", b"127.0.0.1", b"/shop"]
        assert cors(answer) == {"allow-origin": APP, "allow-credentials": "true"}


def test_each_page_is_listed_and_run():
    pages = sorted(name for name in os.listdir(PAGES) if name != "README.md")
    with open(os.path.join(PAGES, "README.md"), encoding="utf-8") as text:
        assert sorted(re.findall(r"\]\((\w+\.md)\)", text.read())) == pages
    with open(__file__, encoding="utf-8") as text:
        assert sorted(set(re.findall(r'blocks\("(\w+\.md)"', text.read()))) == pages
