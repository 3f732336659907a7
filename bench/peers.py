"""The proxies that are measured: one table, and how each is told to do the same work.

Each does CORS as its users do: one exact origin with credentials (or a file of origins), the
preflight answered in front, everything else proxied over pooled keep-alive connections with the
CORS headers added; one worker, no access log."""
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

ORIGIN = "https://app.example.com"
METHODS = "GET, POST, PUT, DELETE"
HEADERS = "Content-Type, Authorization"


@dataclass(frozen=True)
class Site:
    """What a peer is started with: its ports, a folder of its own, and the origins it allows."""
    port: int
    backend: int
    folder: Path
    origins: Optional[Path] = None  # a file, one origin a line; None: ORIGIN alone

    def write(self, name, template):
        """Writes a configuration, its @words@ replaced; returns its path."""
        words = {"port": self.port, "backend": self.backend, "folder": self.folder,
                 "origin": ORIGIN, "methods": METHODS, "headers": HEADERS}
        text = re.sub(r"@(\w+)@", lambda m: str(words[m[1]]), template)
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


CORSD_YAML = """\
listen: 127.0.0.1:@port@
upstream: http://127.0.0.1:@backend@
workers: 1
log: {level: warn, access: off}
cors:
  %s
  allow_methods: [@methods@]
  allow_headers: [@headers@]
  allow_credentials: true
  max_age: 7200
"""

NGINX_CONF = """\
daemon off;
worker_processes 1;
pid @folder@/nginx.pid;
error_log stderr crit;
events { worker_connections 30000; }
http {
  access_log off;
  client_body_temp_path @folder@/body;
  proxy_temp_path @folder@/proxy;
  fastcgi_temp_path @folder@/fastcgi;
  uwsgi_temp_path @folder@/uwsgi;
  scgi_temp_path @folder@/scgi;
  keepalive_requests 100000000;
  %s
  upstream backend {
    server 127.0.0.1:@backend@;
    keepalive 64;
    keepalive_requests 100000000;
  }
  %s
  map $cors_origin $cors_credentials { "" ""; default true; }
  map $cors_origin $cors_methods { "" ""; default "@methods@"; }
  map $cors_origin $cors_headers { "" ""; default "@headers@"; }
  map $cors_origin $cors_max_age { "" ""; default 7200; }
  server {
    listen 127.0.0.1:@port@ backlog=4096;
    location / {
      if ($request_method = OPTIONS) {
        add_header Access-Control-Allow-Origin $cors_origin;
        add_header Access-Control-Allow-Credentials $cors_credentials;
        add_header Access-Control-Allow-Methods $cors_methods;
        add_header Access-Control-Allow-Headers $cors_headers;
        add_header Access-Control-Max-Age $cors_max_age;
        add_header Vary "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        return 204;
      }
      add_header Access-Control-Allow-Origin $cors_origin always;
      add_header Access-Control-Allow-Credentials $cors_credentials always;
      add_header Vary Origin always;
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
"""
NGINX_BIG = """\
proxy_buffer_size 64k;
  proxy_buffers 8 64k;
  proxy_busy_buffers_size 128k;
  client_body_buffer_size 128k;
  proxy_max_temp_file_size 0;
"""

HAPROXY_CFG = """\
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 60s
  timeout http-keep-alive 75s
frontend cors
  bind 127.0.0.1:@port@ backlog 4096
  acl allowed req.hdr(origin) -m str %s
  acl preflight method OPTIONS
  http-request set-var(txn.origin) req.hdr(origin) if allowed
  http-request return status 204 hdr Access-Control-Allow-Origin "%%[var(txn.origin)]" \
hdr Access-Control-Allow-Credentials true hdr Access-Control-Allow-Methods "@methods@" \
hdr Access-Control-Allow-Headers "@headers@" hdr Access-Control-Max-Age 7200 \
hdr Vary "Origin, Access-Control-Request-Method, Access-Control-Request-Headers" \
if preflight allowed
  http-response set-header Access-Control-Allow-Origin "%%[var(txn.origin)]" \
if { var(txn.origin) -m found }
  http-response set-header Access-Control-Allow-Credentials true if { var(txn.origin) -m found }
  http-response add-header Vary Origin
  default_backend app
backend app
  option forwardfor
  http-reuse always
  server app 127.0.0.1:@backend@
"""


def corsd_argv(program, site):
    allow = f'allow_origins: ["{ORIGIN}"]'
    if site.origins:
        allow = f"allow_origins_file: {site.origins}"
    return [program, "-c", site.write("corsd.yaml", CORSD_YAML % allow)]


def nginx_argv(program, site, buffers=""):
    user = "user root;\n" if os.getuid() == 0 else ""  # its folder is this user's alone
    allow = "@origin@ $http_origin;"
    if site.origins:
        lines = site.origins.read_text(encoding="utf-8").split()
        (site.folder / "origins.map").write_text(
            "".join(f"{origin} $http_origin;\n" for origin in lines), encoding="utf-8")
        allow = "include @folder@/origins.map;"
        buffers += "map_hash_max_size 262144;\n  map_hash_bucket_size 128;"
    origins = 'map $http_origin $cors_origin { default ""; %s }' % allow
    path = site.write("nginx.conf", user + NGINX_CONF % (buffers, origins))
    return [program, "-p", str(site.folder), "-e", "stderr", "-c", path]


def nginx_big_argv(program, site):
    return nginx_argv(program, site, NGINX_BIG)


def haproxy_argv(program, site):
    origins = f"-f {site.origins}" if site.origins else "@origin@"
    path = site.write("haproxy.cfg", HAPROXY_CFG % origins)
    return [program, "-db", "-q", "-f", path]


def relay_argv(program, site):
    return [program, str(site.port), str(site.backend)]


@dataclass(frozen=True)
class Peer:
    name: str
    program: str                              # found on PATH, unless run() gives a path
    argv: Callable[[str, Site], list]
    version: list                             # arguments that print it
    cors: bool = True                         # adds CORS headers and answers preflights by policy
    check: Optional[list] = None              # arguments that judge a configuration: for Skip

    def find(self):
        """Its path, or None where it is not installed. Debian keeps servers in sbin."""
        path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
        return shutil.which(self.program, path=path)


PEERS = {peer.name: peer for peer in (
    Peer("corsd", "corsd", corsd_argv, ["version"], check=["check"]),
    Peer("relay", "relay", relay_argv, [], cors=False),
    Peer("nginx", "nginx", nginx_argv, ["-v"]),
    Peer("nginx_big", "nginx", nginx_big_argv, ["-v"]),
    Peer("haproxy", "haproxy", haproxy_argv, ["-v"]),
)}


def version_of(peer, program):
    """What it prints of itself: the first thing with a dot in it that starts with a digit."""
    if not peer.version:
        return ""
    ran = subprocess.run([program, *peer.version], text=True, capture_output=True, timeout=10,
                         check=False)
    found = re.search(r"\d+\.\d[^\s,;]*", ran.stdout + ran.stderr)
    return found[0] if found else "unknown"
