#!/usr/bin/env python3
"""Measures `mailx send` against msmtp and one pipelined connection, on a submission server of its own.

  benches/send.py [--messages 1000] [--runs 3] [--mailx target/release/mailx]

- flush    so many small messages queued, then one `mailx send --flush`; against as many msmtp runs, and against *pipe*, one TLS
           connection that pipelines each envelope (not behind the message before it: Dovecot 2.3 crashes by that) and keeps nothing
- one      from start to accepted, one small message (median of 30)
- large    one message of 25 MB, and the peak memory of one of 100 MB

Medians; both log in by PLAIN.  The goals are those of the project: flush 5 times faster than msmtp and within 1.3 of pipe, one not slower than msmtp, 30 MB
of memory.  Ends with 1 where one is missed.
"""
import argparse
import base64
import contextlib
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DOVECOT = os.path.join(os.path.dirname(HERE), "tests", "servers", "dovecot.sh")
TO = "you@example.net"


def small(number):
    return ("From: me@example.org\nTo: %s\nSubject: number %d\nDate: Thu, 26 Nov 2026 07:00:00 +0000\nMessage-ID: <%d@bench>\n\n%s"
            % (TO, number, number, "A line of a small message that is nothing special.\n" * 20)).encode()


class Bench:
    def __init__(self, options, base):
        self.options, self.base = options, base
        self.server = base + "/server"
        subprocess.run([DOVECOT, "start", self.server], check=True, env=dict(os.environ, SUBMISSION="1", EXTRA_CONF="submission_max_mail_size = 200M"),
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(self.server + "/env") as lines:
            self.env = dict(line.rstrip("\n").split("=", 1) for line in lines)
        self.port = int(self.env["SUBMISSIONS_PORT"])
        with open(os.open(base + "/config.toml", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("""[accounts.a]
address = "me@example.org"
send = "smtps://me@localhost:%d"
maildir = "%s/mail"
password = "pass"
sasl = "PLAIN"
tls = { ca = "%s" }
""" % (self.port, base, self.env["CA"]))
        with open(os.open(base + "/msmtprc", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("""account default
host localhost
port %d
tls on
tls_starttls off
tls_trust_file %s
auth plain
user me
password pass
from me@example.org
""" % (self.port, self.env["CA"]))
        self.variables = dict(os.environ, MAILX_CONFIG=base + "/config.toml", HOME=base, XDG_DATA_HOME=base + "/data")

    def stop(self):
        subprocess.run([DOVECOT, "stop", self.server], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def arrived(self):
        return sum(name.endswith(".json") for name in os.listdir(self.env["OUTGOING"]))

    def mailx(self, arguments, message):
        subprocess.run([self.options.mailx, "send", *arguments], input=message, check=True, env=self.variables)

    def msmtp(self, message):
        subprocess.run(["msmtp", "-C", self.base + "/msmtprc", TO], input=message, check=True)

    def pipe(self, messages):
        """One connection, nothing kept."""
        context = ssl.create_default_context(cafile=self.env["CA"])
        with context.wrap_socket(socket.create_connection(("localhost", self.port)), server_hostname="localhost") as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = line.makefile("rb")

            def reply(code):
                while True:
                    text = answers.readline()
                    if text[3:4] != b"-":
                        assert text.startswith(code), text
                        return

            envelope = b"MAIL FROM:<me@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n" % TO.encode()
            reply(b"220")
            line.sendall(b"EHLO bench\r\n")
            reply(b"250")
            line.sendall(b"AUTH PLAIN " + base64.b64encode(b"\0me\0pass") + b"\r\n")
            reply(b"235")
            for message in messages:
                line.sendall(envelope)
                for code in (b"250", b"250", b"354"):
                    reply(code)
                line.sendall(message.replace(b"\n", b"\r\n") + b".\r\n")
                reply(b"250")
            line.sendall(b"QUIT\r\n")

    def timed(self, work, count):
        """Seconds that `work` takes, after which `count` more messages have arrived."""
        before, begun = self.arrived(), time.monotonic()
        work()
        took = time.monotonic() - begun
        assert self.arrived() == before + count, "%d arrived, not %d" % (self.arrived() - before, count)
        return took

    def flush(self):
        count, results = self.options.messages, {"mailx": [], "msmtp": [], "pipe": []}
        messages = [small(number) for number in range(count)]
        for _ in range(self.options.runs):
            for message in messages:
                self.mailx(["--queue", TO], message)
            results["mailx"].append(self.timed(lambda: self.mailx(["--flush"], b""), count))
            results["pipe"].append(self.timed(lambda: self.pipe(messages), count))
            results["msmtp"].append(self.timed(lambda: [self.msmtp(message) for message in messages], count))
        return {name: statistics.median(times) for name, times in results.items()}

    def one(self):
        mailx = statistics.median(self.timed(lambda: self.mailx([TO], small(0)), 1) for _ in range(30))
        msmtp = statistics.median(self.timed(lambda: self.msmtp(small(0)), 1) for _ in range(30))
        return {"mailx": mailx, "msmtp": msmtp}

    def large(self):
        line = b"0123456789abcdef" * 4 + b"\n"
        message = b"Subject: large\n\n" + line * (25_000_000 // len(line))
        runs = range(self.options.runs)
        mailx = statistics.median(self.timed(lambda: self.mailx([TO], message), 1) for _ in runs)
        msmtp = statistics.median(self.timed(lambda: self.msmtp(message), 1) for _ in runs)
        path = self.base + "/huge"
        with open(path, "wb") as file:
            file.write(b"Subject: huge\n\n" + line * (100_000_000 // len(line)))
        with open(path, "rb") as file:
            child = subprocess.Popen([self.options.mailx, "send", TO], stdin=file, env=self.variables)
            # Not ru_maxrss: that counts what this process had when it forked.
            peak = 0
            while child.poll() is None:
                with contextlib.suppress(OSError), open("/proc/%d/status" % child.pid) as status:
                    peak = max([peak] + [int(line.split()[1]) for line in status if line.startswith("VmHWM")])
                time.sleep(0.005)
        assert child.returncode == 0, child.returncode
        return {"mailx": mailx, "msmtp": msmtp}, peak / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--mailx", default=os.path.join(os.path.dirname(HERE), "target", "release", "mailx"))
    options = parser.parse_args()
    if not shutil.which("msmtp"):
        sys.exit("send.py: msmtp is not installed (tests/servers/install.sh msmtp)")
    base = tempfile.mkdtemp(prefix="mailx-send-", dir="/tmp")
    os.chmod(base, 0o755)
    os.makedirs(base + "/server")
    bench = Bench(options, base)
    try:
        flush, one, (large, memory) = bench.flush(), bench.one(), bench.large()
    finally:
        bench.stop()
        shutil.rmtree(base, ignore_errors=True)
    rows = [
        ("flush of %d" % options.messages, "%.2f s" % flush["mailx"], "msmtp %.2f s" % flush["msmtp"], flush["mailx"] * 5 <= flush["msmtp"]),
        ("", "", "pipe %.2f s" % flush["pipe"], flush["mailx"] <= flush["pipe"] * 1.3),
        ("one message", "%.1f ms" % (one["mailx"] * 1e3), "msmtp %.1f ms" % (one["msmtp"] * 1e3), one["mailx"] <= one["msmtp"]),
        ("25 MB", "%.2f s" % large["mailx"], "msmtp %.2f s" % large["msmtp"], True),
        ("peak memory, 100 MB", "%.1f MiB" % memory, "goal 30 MB", memory <= 30e6 / (1 << 20)),
    ]
    for job, mailx, other, reached in rows:
        print("%-22s %-10s %-16s %s" % (job, mailx, other, "" if reached else "MISSED"))
    sys.exit(0 if all(row[3] for row in rows) else 1)


if __name__ == "__main__":
    main()
