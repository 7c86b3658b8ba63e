"""A private Dovecot with its mail in memory, what it tells of itself, and a plain connection to look and to change things there."""
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import corpus

HERE = os.path.dirname(os.path.abspath(__file__))
DOVECOT = os.path.join(os.path.dirname(HERE), "tests", "servers", "dovecot.sh")
TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, directory):
        self.directory = directory
        self.loaded = set()
        self.environment = dict(os.environ, SPECIAL_USE="no")
        self.script("start")
        with open(os.path.join(directory, "env")) as lines:
            self.env = dict(line.rstrip("\n").split("=", 1) for line in lines)
        self.port = int(self.env["IMAPS_PORT"])

    def script(self, command, *more):
        subprocess.run([DOVECOT, command, self.directory, *more], check=True, env=self.environment, stdin=subprocess.DEVNULL)

    def restart(self, **options):
        """On the same ports; `options` are those of dovecot.sh, and stay."""
        self.environment.update(options)
        self.script("restart")

    def port_of(self, kind):
        """With TLS, for a kind of runs."""
        return int(self.env["POP3S_PORT"]) if kind.startswith("pop-") else self.port

    def load(self, account, count, small, folders):
        if account in self.loaded:
            return
        tree = os.path.join(self.directory, "corpus")
        corpus.write(tree, count, small, folders)
        answer = subprocess.run([DOVECOT, "load", self.directory, account, tree], check=True, capture_output=True, text=True)
        if int(answer.stdout.split()[-1]) != count:
            sys.exit("run.py: loading %s: %s messages, not %d" % (account, answer.stdout.strip(), count))
        shutil.rmtree(tree)
        self.loaded.add(account)

    def copy(self, account, to):
        """Another account with the same mail under the same UIDs, which goes its own way from here on."""
        mail = self.env["MAIL"]
        subprocess.run(["cp", "-a", os.path.join(mail, account), os.path.join(mail, to)], check=True)

    def forget(self, account):
        shutil.rmtree(os.path.join(self.env["MAIL"], account), ignore_errors=True)

    def cpu(self):
        with open(os.path.join(self.directory, "server.pid")) as file:
            master = file.read().split()[0]
        with open("/proc/%s/task/%s/children" % (master, master)) as file:
            processes = [master] + file.read().split()
        total = 0
        for process in processes:
            with contextlib.suppress(OSError), open("/proc/%s/stat" % process) as file:
                total += sum(map(int, file.read().rsplit(")", 1)[1].split()[11:15]))
        return total / TICKS

    def log_size(self):
        return os.path.getsize(self.env["LOG"])

    def octets(self, position, account):
        """Bytes to and from the server since a position in the log, inside TLS and COMPRESS."""
        time.sleep(0.05)
        with open(self.env["LOG"], "rb") as log:
            log.seek(position)
            text = log.read().decode("utf-8", "replace")
        found = re.findall(r"imap\(%s\).* in=(\d+) out=(\d+)" % re.escape(account), text)
        return sum(int(i) for i, _ in found), sum(int(o) for _, o in found)

    def stop(self):
        subprocess.run([DOVECOT, "stop", self.directory], check=False, stdin=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def far_away(port, round_trip):
    """The port of a latency proxy in front of another port; the round trip in seconds."""
    command = [sys.executable, os.path.join(HERE, "latency_proxy.py"), str(port), str(round_trip * 500)]
    proxy = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        yield int(proxy.stdout.readline())
    finally:
        proxy.terminate()
        proxy.wait()


class Imap:
    """Just enough IMAP: one order at a time, and its answer as one piece.  As a context it logs out at the end."""

    def __init__(self, server, account):
        self.socket = socket.create_connection(("127.0.0.1", int(server.env["IMAP_PORT"])))
        self.stream = self.socket.makefile("rwb")
        self.number = 0
        self.stream.readline()
        self.order("LOGIN %s pass" % account)

    def order(self, text, *more):
        """`more` is sent as it is: literals (LITERAL+) and what stands between them."""
        self.number += 1
        tag = b"t%d " % self.number
        self.stream.write(tag + text.encode() + b"".join(more) + b"\r\n")
        self.stream.flush()
        lines = []
        for line in self.stream:
            if line.startswith(tag):
                if not line.startswith(tag + b"OK"):
                    raise RuntimeError("%s: %s" % (text, line.decode("utf-8", "replace").strip()))
                return b"".join(lines)
            lines.append(line)
        raise EOFError(text)

    def folders(self):
        return [name.decode() for name in re.findall(rb'^\* LIST .* "/" "?(.*?)"?\r$', self.order('LIST "" *'), re.MULTILINE)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, EOFError):
            self.order("LOGOUT")
        self.stream.close()
        self.socket.close()
