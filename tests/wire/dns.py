"""DNS servers of the tests: one that answers as told, oddly where wanted, and a real dnsmasq.
And servers that say at which address they were reached."""
import contextlib
import errno
import ipaddress
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from harness import Wire, free_port, read_request

A, AAAA = 1, 28
KINDS = {A: "A", AAAA: "AAAA"}


def records(kind, ips, ttl, name=b"\xc0\x0c"):
    out = b""
    for ip in ips:
        packed = ipaddress.ip_address(ip).packed
        out += name + struct.pack(">HHIH", kind, 1, ttl, len(packed)) + packed
    return out


class Question:
    def __init__(self, raw, tcp):
        self.id, self.raw, self.tcp = raw[:2], raw, tcp
        labels, at = [], 12
        while raw[at]:
            labels.append(raw[at + 1:at + 1 + raw[at]].decode())
            at += raw[at] + 1
        self.name = ".".join(labels).lower()
        self.kind, = struct.unpack(">H", raw[at + 1:at + 3])
        self.section = raw[12:at + 5]

    def reply(self, answers=b"", count=0, rcode=0, flags=0x8180):
        return (self.id + struct.pack(">HHHHH", flags | rcode, 1, count, 0, 0) + self.section + answers)

    def addresses(self, ips, ttl=1):
        ips = [ip for ip in ips if (":" in ip) == (self.kind == AAAA)]
        return self.reply(records(self.kind, ips, ttl), len(ips))


class Dns:
    """`names[name]` is a list of addresses, or a function from a Question to bytes, or None: silence.
    What has no entry does not exist. A TTL of a second."""

    def __init__(self):
        self.names, self.asked = {}, []
        port = free_port()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", port))
        self.tcp = socket.socket()
        self.tcp.bind(("127.0.0.1", port))
        self.tcp.listen(16)
        self.address = f"127.0.0.1:{port}"
        self.wake, self.stopper = socket.socketpair()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def answer(self, raw, tcp=False):
        question = Question(raw, tcp)
        self.asked.append((question.name, KINDS.get(question.kind), tcp))
        if question.name not in self.names:
            return question.reply(rcode=3)
        told = self.names[question.name]
        if told is None:
            return None
        return told(question) if callable(told) else question.addresses(told)

    def serve(self):
        while True:
            ready, _, _ = select.select([self.udp, self.tcp, self.wake], [], [])
            if self.wake in ready:
                return
            if self.udp in ready:
                raw, peer = self.udp.recvfrom(4096)
                out = self.answer(raw)
                if out is not None:
                    self.udp.sendto(out, peer)
            if self.tcp in ready:
                conn, _ = self.tcp.accept()
                threading.Thread(target=self.serve_tcp, args=(conn,), daemon=True).start()

    def serve_tcp(self, conn):
        with conn, contextlib.suppress(OSError):
            size, = struct.unpack(">H", conn.recv(2, socket.MSG_WAITALL))
            out = self.answer(conn.recv(size, socket.MSG_WAITALL), tcp=True)
            if out is not None:
                conn.sendall(struct.pack(">H", len(out)) + out)

    def stop(self):
        self.stopper.close()
        self.thread.join()
        for sock in self.udp, self.tcp, self.wake:
            sock.close()


class Dnsmasq:
    """dnsmasq with a hosts file of the test's own, a TTL of a second, and nobody behind it."""
    PROGRAM = shutil.which("dnsmasq", path=os.environ["PATH"] + ":/usr/sbin")

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="corsd-dnsmasq-")
        os.chmod(self.folder, 0o755)
        self.hosts = os.path.join(self.folder, "hosts")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.set({})
        self.process = subprocess.Popen(
            [self.PROGRAM, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
             "--listen-address=127.0.0.1", "--bind-interfaces", f"--port={self.port}", "--no-poll",
             f"--addn-hosts={self.hosts}", "--local-ttl=1", "--local=/test/", "--pid-file=", "--user=root",
             "--log-facility=-"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(os.path.join(self.folder, "log"), "wb"))
        end = time.monotonic() + 20
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < end, \
                open(os.path.join(self.folder, "log"), encoding="utf-8").read()

    def answers(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            with contextlib.suppress(OSError):
                sock.sendto(b"\1\1\1\0\0\1\0\0\0\0\0\0\1x\4test\0\0\1\0\1", ("127.0.0.1", self.port))
                return bool(sock.recv(512))
            return False

    def set(self, names):
        """From now on: name → addresses."""
        with open(self.hosts, "w", encoding="utf-8") as out:
            for name, ips in names.items():
                out.writelines(f"{ip} {name}\n" for ip in ips)
        os.chmod(self.hosts, 0o644)
        if hasattr(self, "process"):
            self.process.send_signal(signal.SIGHUP)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.resume()
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder)


class Places:
    """Servers on one port of several loopback addresses; each answers with its address."""

    def __init__(self, *ips):
        while True:
            self.port, self.listeners = free_port(), []
            try:
                for ip in ips:
                    listener = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET)
                    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    self.listeners.append(listener)
                    listener.bind((ip, self.port))
                    listener.listen(256)
                break
            except OSError as error:
                self.stop()
                if error.errno != errno.EADDRINUSE:
                    raise
        for ip, listener in zip(ips, self.listeners):
            threading.Thread(target=self.accept, args=(ip, listener), daemon=True).start()

    def accept(self, ip, listener):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                threading.Thread(target=self.serve, args=(ip, sock), daemon=True).start()

    @staticmethod
    def serve(ip, sock):
        body = ip.encode()
        with sock, contextlib.suppress(Exception):
            wire = Wire(sock)
            while True:
                read_request(wire)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def stop(self):
        for listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
