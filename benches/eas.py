#!/usr/bin/env python3
"""Measures a first `mailx fetch` over ActiveSync against the time that the server itself needs: a private SOGo (tests/servers/sogo.sh), and a
*null client* (null_eas.py) that makes the same requests and throws the answers away.

  benches/eas.py [--messages 1000] [--runs 3] [--mailx target/release/mailx] [--server DIR]

- small    so many messages of 3 KB on average, where the cost per message shows
- mixed    as many of mixed sizes (mean 60 KB)
- large    one message with an attachment of 30 MB
- no-op    `sync`, nothing has changed on either side: requests as the server's log counts them, and wall time

Every run is another device, so that the server starts from nothing; clients take turns; medians.  The wall time of mailx is that of its process,
with everything durable; that of the null client begins with its first connection.  Both must have sent the same requests, as the server's log counts them,
or there is no ratio.  The goals are those of the project: 1.25 times the null client, 40 MB of memory, two round trips.  Ends with 1 where one is missed.
"""
import argparse
import collections
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import corpus
from clients import write
from jobs import count_messages, say, settle
from server import HERE, Imap

SERVERS = os.path.join(os.path.dirname(HERE), "tests", "servers")
ATTACHMENT = 30_000_000  # octets
MOST_WALL = 1.25  # of the null client
MOST_MIB = 40e6 / (1 << 20)


class Sogo:
    """A private SOGo, its Dovecot, and what nginx in front of it has logged."""

    def __init__(self, directory):
        self.directory = directory
        self.script("sogo.sh", "start")
        with open(os.path.join(directory, "env")) as lines:
            self.env = dict(line.rstrip("\n").split("=", 1) for line in lines)
        self.log = os.path.join(directory, "log", "nginx-access.log")

    def script(self, name, command, *more):
        run = subprocess.run([os.path.join(SERVERS, name), command, self.directory, *more], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if run.returncode != 0:
            sys.exit("eas.py: %s %s ended with %d" % (name, command, run.returncode))
        return run.stdout.decode()

    def load(self, account, tree):
        """A mailbox that others have looked into before: SOGo finds its mail only then (sogo.sh)."""
        self.script("dovecot.sh", "load", account, tree)
        self.script("sogo.sh", "user", account)
        with Imap(self, account) as imap:
            imap.order("STATUS INBOX (HIGHESTMODSEQ)")

    def position(self):
        return os.path.getsize(self.log)

    def requests(self, position):
        """Requests since a position in the log, by command."""
        with open(self.log) as log:
            log.seek(position)
            found = re.findall(r'"(OPTIONS|POST) \S*?(?:\?Cmd=(\w+)\S*)? HTTP', log.read())
        return collections.Counter(command or method for method, command in found)

    def stop(self):
        self.script("sogo.sh", "stop")
        shutil.rmtree(self.directory, ignore_errors=True)


class Bench:
    def __init__(self, options, server, base):
        self.options, self.server, self.base, self.number = options, server, base, 0
        self.measure = os.path.join(base, "measure")
        subprocess.run(["cc", "-O2", "-o", self.measure, os.path.join(HERE, "measure.c")], check=True)

    def place(self):
        """A new Maildir root is a new device."""
        self.number += 1
        directory = os.path.join(self.base, str(self.number))
        os.mkdir(directory)
        subprocess.run(["chattr", "+T", directory], check=False, stderr=subprocess.DEVNULL)
        return directory

    def mailx(self, account, directory, verb):
        """Wall time, peak memory in MiB, and requests of one run."""
        write(directory + "/secret", "pass\n")
        write(
            directory + "/config.toml",
            """[accounts.bench]
receive = "eas://%s@localhost:%s"
maildir = "%s/mail"
password = { file = "%s/secret" }
tls = { ca = "%s" }
"""
            % (account, self.server.env["EAS_PORT"], directory, directory, self.server.env["CA"]),
        )
        settle()
        position = self.server.position()
        command = [self.measure, directory + "/took", self.options.mailx, "--config", directory + "/config.toml", verb]
        environment = dict(os.environ, HOME=directory, XDG_DATA_HOME=directory + "/data")
        code = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode
        if code != 0:
            sys.exit("eas.py: mailx %s ended with %d" % (verb, code))
        with open(directory + "/took") as file:
            wall, _, _, peak = map(float, file.read().split())
        return wall, peak / 1024, self.server.requests(position)

    def null(self, account):
        settle()
        position = self.server.position()
        command = [sys.executable, os.path.join(HERE, "null_eas.py"), self.server.env["EAS_PORT"], self.server.env["CA"], account, "null%d" % self.number]
        wall = float(subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout)
        return wall, self.server.requests(position)

    def first(self, account, messages):
        """Rows of a first fetch: ratio and memory; and a Maildir that holds it."""
        ours, theirs, peaks, asked, place = [], [], [], [], None
        for number in range(self.options.runs + 1):
            place = self.place()
            wall, peak, requests = self.mailx(account, place, "fetch")
            found = count_messages(place)
            if found != messages:
                sys.exit("eas.py: %s: %d of %d messages" % (account, found, messages))
            null, same = self.null(account)
            asked.append((requests, same))
            # The first round warms caches.
            if number > 0 or self.options.runs == 0:
                ours.append(wall), theirs.append(null), peaks.append(peak)
        different = [pair for pair in asked if pair[0] != pair[1]]
        ours, theirs, peak = statistics.median(ours), statistics.median(theirs), max(peaks)
        words = "requests differ: %s" % (tuple(map(dict, different[0])),) if different else "%.2f x null client, goal %.2f" % (ours / theirs, MOST_WALL)
        return [
            (account, "%.2f s" % ours, "null client %.2f s" % theirs, words, not different and ours <= MOST_WALL * theirs),
            ("", "%.1f MiB" % peak, "peak memory", "goal %.1f MiB" % MOST_MIB, peak <= MOST_MIB),
        ], place

    def again(self, account, place):
        """A sync with nothing to do, after one that took up what the fetch had left."""
        self.mailx(account, place, "sync")
        runs = [self.mailx(account, place, "sync") for _ in range(max(self.options.runs, 1))]
        trips = max(sum(requests.values()) for _, _, requests in runs)
        wall = statistics.median(wall for wall, _, _ in runs)
        return ("no-op sync", "%.3f s" % wall, "%d round trips" % trips, "goal 2", trips <= 2)


def large(directory):
    """A Maildir tree with one message that has an attachment."""
    path = os.path.join(directory, "INBOX", "cur")
    os.makedirs(path)
    os.makedirs(os.path.join(directory, "INBOX", "new"))
    os.makedirs(os.path.join(directory, "INBOX", "tmp"))
    line = b"0123456789abcdef" * 4 + b"0123456789ab\n"
    with open(os.path.join(path, "1600000000.M1P1.corpus:2,S"), "wb") as file:
        file.write(b"From: a@example.org\nTo: b@example.org\nSubject: large\nDate: Thu, 26 Nov 2026 07:00:00 +0000\nMessage-ID: <large@bench>\n")
        file.write(b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee there.\n--b\n")
        file.write(b"Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a.bin\n\n")
        file.write(line * (ATTACHMENT * 4 // 3 // len(line)) + b"--b--\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--mailx", default=os.path.join(os.path.dirname(HERE), "target", "release", "mailx"))
    parser.add_argument("--work", default=os.path.join(os.path.dirname(HERE), "target", "bench"), help="where mailx writes: a real disk")
    parser.add_argument("--server", default="/dev/shm/mailx-eas.%d" % os.getpid(), help="where the server keeps its mail")
    options = parser.parse_args()
    options.mailx, options.work = os.path.abspath(options.mailx), os.path.abspath(options.work)
    needs = subprocess.run([os.path.join(SERVERS, "sogo.sh"), "needs"], stdin=subprocess.DEVNULL).returncode
    if needs != 0:
        sys.exit("eas.py: no SOGo here (tests/servers/install.sh)")
    os.makedirs(options.work, exist_ok=True)
    base = tempfile.mkdtemp(prefix="eas-", dir=options.work)
    os.makedirs(options.server)
    os.chmod(options.server, 0o755)
    server, rows = None, []
    try:
        server = Sogo(options.server)
        bench = Bench(options, server, base)
        place = None
        for name, small in (("small", True), ("mixed", False)):
            say(name)
            tree = os.path.join(options.server, "corpus-" + name)
            corpus.write(tree, options.messages, small, 1)
            server.load(name, tree)
            more, held = bench.first(name, options.messages)
            rows += more
            place = place or held
        say("large")
        tree = os.path.join(options.server, "corpus-large")
        large(tree)
        server.load("large", tree)
        rows += bench.first("large", 1)[0]
        say("no-op")
        rows.append(bench.again("small", place))
    finally:
        with contextlib.suppress(Exception):
            if server:
                server.stop()
        subprocess.Popen(["nice", "rm", "-rf", base], stdin=subprocess.DEVNULL, start_new_session=True)
    print("%d messages, %d runs" % (options.messages, options.runs))
    for job, mailx, other, goal, reached in rows:
        print("%-12s %-10s %-22s %-34s %s" % (job, mailx, other, goal, "" if reached else "MISSED"))
    sys.exit(0 if all(row[-1] for row in rows) else 1)


if __name__ == "__main__":
    main()
