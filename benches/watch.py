#!/usr/bin/env python3
"""Measures `mailx watch`: how soon mail is here, what it costs to wait, and whether anything grows.

  benches/watch.py [--only idle,notify,ping,rest] [--runs 30] [--seconds 120] [--mailx target/release/mailx]
  benches/watch.py --soak 600

- idle, notify  so many deliveries at irregular distances to a private Dovecot, without NOTIFY and with it.  Beside the watch a plain connection
           waits in the same way: what counts is the time from its notice until the file is in the Maildir, and until the hook runs
- ping     a third as many to a private SOGo: from the delivery until the hook
- rest     ten accounts of 10,000 small messages, all synced before: CPU while nothing happens, for so many seconds; the peak of memory from the
           start of the watch until each account has got one more message
- soak     instead: one watch by NOTIFY, by IDLE and by POP3, with heartbeats of seconds; mail comes and goes, lines are cut, servers restart.
           Nothing may grow from the second quarter of the time to the last, and in the end every message must be here once

Medians and the worst.  The goals are those of the project: the hook within 200 ms of the notice, by Ping within SOGo's own 5 s and 300 ms; 0.1 % of a
core and 30 MB.  Ends with 1 where one is missed.
"""
import argparse
import collections
import contextlib
import glob
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import corpus
from clients import write
from eas import SERVERS, Sogo
from jobs import say
from server import DOVECOT, HERE, TICKS, Imap, Server

PARTS = ("idle", "notify", "ping", "rest")
NOTIFY = "NOTIFY SET STATUS (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName))"
MOST_AFTER_NOTICE, MOST_BY_PING = 0.2, 5.3  # seconds
MOST_CPU, MOST_MEMORY = 0.001, 30e6  # of a core; octets
ACCOUNTS, MESSAGES, KEPT = 10, 10_000, 200  # KEPT: of an account in the soak
DEADLINE = 150  # seconds for anything that must happen; POP3 is polled once a minute
GROWTH = 1.05  # memory, and a megabyte more
JITTER, POOL = 2, 8  # descriptors of a run that is under way; threads: there are as many as were ever needed at once


class Failed(Exception):
    pass


def until(what, is_so, pause=0.02):
    deadline = time.monotonic() + DEADLINE
    while not is_so():
        if time.monotonic() > deadline:
            raise Failed("never: " + what)
        time.sleep(pause)


def append(imap, folder, name, number):
    """No two have the same size: by POP3, one that takes the place of another of its size may be that one under another id."""
    head = "From: a@example.org\r\nSubject: %d\r\nDate: Fri, 27 Nov 2026 07:00:00 +0000\r\nMessage-ID: <%s.%d@watch.bench>\r\n\r\n"
    message = (head % (number, name, number) + "A line of a small message that is nothing special.\r\n" * 20 + "x" * number + "\r\n").encode()
    imap.order('APPEND "%s" {%d+}\r\n' % (folder, len(message)), message)


def account(base, name, url, ca, more=""):
    return """[accounts.%s]
receive = "%s"
maildir = "%s/mail/%s"
password = { file = "%s/secret" }
tls = { ca = "%s" }
%s
""" % (name, url, base, name, base, ca, more)


class Watch:
    """A watch that goes on; its hook writes down when it runs."""

    def __init__(self, options, base, accounts, *more):
        self.base, self.options = base, options
        self.environment = dict(os.environ, HOME=base, XDG_DATA_HOME=base + "/data", MAILX_CONFIG=base + "/config.toml")
        write(base + "/secret", "pass\n")
        write(base + "/config.toml", "".join(accounts))
        run = subprocess.run([options.mailx, "sync"], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if run.returncode != 0:
            raise Failed("the first sync ended with %d" % run.returncode)
        os.makedirs(base + "/hooks", exist_ok=True)
        hook = 'date +%%s.%%N >> "%s/hooks/$MAILX_ACCOUNT"' % base
        with open(base + "/says", "w") as says:
            command = [options.mailx, "watch", "--exec", hook, *more]
            self.process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=says, stderr=says)
        self.proc = "/proc/%d" % self.process.pid
        self.settle()

    def settle(self, quiet=2):
        """Waits until it does nothing."""
        since, used = time.monotonic(), -1
        while time.monotonic() - since < quiet:
            time.sleep(0.1)
            if self.process.poll() is not None:
                raise Failed("the watch has ended with %d" % self.process.returncode)
            if self.cpu() != used:
                since, used = time.monotonic(), self.cpu()

    def hooks(self, name):
        """When the hooks of an account ran."""
        with contextlib.suppress(FileNotFoundError), open("%s/hooks/%s" % (self.base, name)) as file:
            return [float(line) for line in file if line.endswith("\n")]
        return []

    def cpu(self):
        """Seconds so far."""
        with open(self.proc + "/stat") as file:
            return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13])) / TICKS

    def status(self):
        with open(self.proc + "/status") as file:
            fields = dict(line.rstrip("\n").split(":", 1) for line in file)
        return {name: int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM", "RssAnon", "Threads")}

    def wakeups(self):
        """How often its threads have begun to wait, so far."""
        total = 0
        for path in glob.glob(self.proc + "/task/*/status"):
            with open(path) as file:
                total += int(re.search(r"\nvoluntary_ctxt_switches:\s*(\d+)", file.read())[1])
        return total

    def descriptors(self):
        """How many are open, by kind."""
        kinds = collections.Counter()
        for path in glob.glob(self.proc + "/fd/*"):
            with contextlib.suppress(OSError):
                to = os.readlink(path)
                kinds["sockets" if to.startswith("socket:") else "inotify" if "inotify" in to else "files" if to.startswith("/") else "others"] += 1
        return kinds

    def end(self):
        self.process.terminate()
        if self.process.wait(30) != 0:
            raise Failed("the watch ended with %d" % self.process.returncode)


class Yardstick(threading.Thread):
    """Another connection that waits for news, and does nothing else."""

    def __init__(self, server, account, how):
        super().__init__(daemon=True)
        self.imap, self.heard = Imap(server, account), []
        if how == "idle":
            self.imap.order("SELECT INBOX")
            self.imap.stream.write(b"i IDLE\r\n")
            self.imap.stream.flush()
        else:
            self.imap.order(NOTIFY)
        self.start()

    def run(self):
        with contextlib.suppress(OSError, ValueError):
            for line in self.imap.stream:
                if re.match(rb"\* (\d+ EXISTS|STATUS )", line):
                    self.heard.append(time.time())


class Bench:
    def __init__(self, options, base):
        self.options, self.base, self.stack = options, base, contextlib.ExitStack()

    def place(self, name, base=None):
        directory = os.path.join(base or self.base, name)
        os.makedirs(directory)
        os.chmod(directory, 0o755)
        return directory

    def dovecot(self, name, without=None):
        """A private one; it does not offer `without`."""
        server = Server(self.place(name, self.options.server))
        self.stack.callback(server.stop)
        if without:
            with Imap(server, "anybody") as imap:
                offered = re.search(rb"\* CAPABILITY (.*)\r", imap.order("CAPABILITY"))[1].decode().split()
            server.restart(IMAP_CAPABILITY=" ".join(word for word in offered if word != without))
        return server

    def watch(self, *arguments):
        watch = Watch(self.options, *arguments)
        self.stack.callback(watch.process.kill)
        return watch

    def push(self, how):
        server, base, chance = self.dovecot(how, "NOTIFY" if how == "idle" else None), self.place(how), random.Random(how)
        url = "imaps://%s@localhost:%d" % (how, server.port)
        with Imap(server, how) as imap:
            append(imap, "INBOX", "first", 0)
            watch = self.watch(base, [account(base, "a", url, server.env["CA"])])
            yardstick = Yardstick(server, how, how)
            new, files, hooks, notices = base + "/mail/a/INBOX/new", [], [], []
            for number in range(self.options.runs):
                # Not sooner: for half a second after a run the yardstick is about to be told what that run did, and would hear of this with it.
                time.sleep(chance.uniform(0.7, 3))
                known, ran, heard, begun = set(os.listdir(new)), len(watch.hooks("a")), len(yardstick.heard), time.time()
                append(imap, "INBOX", how, number)
                until("the hook", lambda: len(watch.hooks("a")) > ran and len(yardstick.heard) > heard)
                (name,) = set(os.listdir(new)) - known
                notices.append((notice := yardstick.heard[heard]) - begun)
                changed = os.stat(os.path.join(new, name)).st_ctime_ns / 1e9  # when it came there from tmp/
                files.append(changed - notice)
                hooks.append(watch.hooks("a")[ran] - notice)
        watch.end()
        median, ms = statistics.median(hooks), "%.0f ms, worst %.0f ms"
        return [
            (how, "notice of the server", ms % (statistics.median(notices) * 1e3, max(notices) * 1e3), "after the delivery", True),
            ("", "file after the notice", ms % (statistics.median(files) * 1e3, max(files) * 1e3), "", True),
            ("", "hook after the notice", ms % (median * 1e3, max(hooks) * 1e3), "goal %.0f ms" % (MOST_AFTER_NOTICE * 1e3), median < MOST_AFTER_NOTICE),
        ]

    def ping(self):
        if subprocess.run([os.path.join(SERVERS, "sogo.sh"), "needs"], stdin=subprocess.DEVNULL).returncode != 0:
            raise Failed("no SOGo here (tests/servers/install.sh)")
        server = Sogo(self.place("ping", self.options.server))
        self.stack.callback(server.stop)
        base, chance, took = self.place("ping"), random.Random("ping"), []
        tree = os.path.join(server.directory, "corpus")
        corpus.write(tree, 10, True, 1)
        server.load("ping", tree)
        url = "eas://ping@localhost:%s" % server.env["EAS_PORT"]
        with Imap(server, "ping") as imap:
            watch = self.watch(base, [account(base, "a", url, server.env["CA"])])
            for number in range(max(self.options.runs // 3, 1)):
                time.sleep(chance.uniform(1, 8))
                ran, begun = len(watch.hooks("a")), time.time()
                append(imap, "INBOX", "ping", number)
                until("the hook", lambda: len(watch.hooks("a")) > ran)
                took.append(watch.hooks("a")[ran] - begun)
        watch.end()
        median = statistics.median(took)
        return [("ping", "hook after the delivery", "%.2f s, worst %.2f s" % (median, max(took)), "goal %.1f s" % MOST_BY_PING, median <= MOST_BY_PING)]

    def rest(self):
        server, base, names = self.dovecot("rest"), self.place("rest"), ["a%d" % number for number in range(ACCOUNTS)]
        server.load(names[0], MESSAGES, True, self.options.folders)
        for name in names[1:]:
            server.copy(names[0], name)
        url = "imaps://%%s@localhost:%d" % server.port
        watch = self.watch(base, [account(base, name, url % name, server.env["CA"]) for name in names])
        watch.settle(15)  # threads that have nothing to do end after ten seconds
        begun, used, woken = time.monotonic(), watch.cpu(), watch.wakeups()
        time.sleep(self.options.seconds)
        share, woken = (watch.cpu() - used) / (time.monotonic() - begun), (watch.wakeups() - woken) * 60 / self.options.seconds
        still = watch.status()
        for name in names:
            with Imap(server, name) as imap:
                append(imap, "INBOX", "rest", 0)
        until("a hook of every account", lambda: all(watch.hooks(name) for name in names))
        watch.settle()
        peak = watch.status()["VmHWM"] * 1024
        watch.end()
        mb = tuple(still[name] * 1024 / 1e6 for name in ("VmRSS", "RssAnon"))
        return [
            ("rest", "CPU", "%.3f %% of a core" % (share * 100), "goal %.1f %%" % (MOST_CPU * 100), share < MOST_CPU),
            ("", "wakes up", "%.0f a minute" % woken, "", True),
            ("", "memory at rest", "%.1f MB, anonymous %.1f MB" % mb, "%d threads" % still["Threads"], True),
            ("", "memory at its peak", "%.1f MB" % (peak / 1e6), "goal %.0f MB" % (MOST_MEMORY / 1e6), peak < MOST_MEMORY),
        ]


class Soak:
    """Mail comes and goes, and lines are cut."""

    def __init__(self, bench):
        self.seconds, self.chance, self.came, self.went, self.cuts = bench.options.soak, random.Random("soak"), 0, 0, 0
        plain, idle = bench.dovecot("soak"), bench.dovecot("soak-idle", "NOTIFY")
        self.servers, self.base = {"notify": plain, "idle": idle, "pop3": plain}, bench.place("soak")
        self.folders = {"notify": ("INBOX", "Lists"), "idle": ("INBOX", "Lists"), "pop3": ("INBOX",)}
        accounts = []
        for name, server in self.servers.items():
            with Imap(server, name) as imap:
                for folder in self.folders[name][1:]:
                    imap.order("CREATE " + folder)
                for _ in range(KEPT):
                    self.deliver(imap, name)
            url = "pop3s://%s@localhost:%s" % (name, server.env["POP3S_PORT"]) if name == "pop3" else "imaps://%s@localhost:%d" % (name, server.port)
            accounts.append(account(self.base, name, url, server.env["CA"], "mirror-deletions = true" if name == "pop3" else ""))
        self.watch = bench.watch(self.base, accounts, "-vv", "--timeout", "2s", "--poll", "4s")

    def deliver(self, imap, name):
        self.came += 1
        append(imap, self.chance.choice(self.folders[name]), "soak", self.came)

    def deed(self):
        """Something happens to one account."""
        name = self.chance.choice(list(self.servers))
        with Imap(self.servers[name], name) as imap:
            for _ in range(self.chance.randint(1, 3)):
                self.deliver(imap, name)
                # One comes, one goes: what is kept does not grow.
                imap.order("SELECT " + self.chance.choice(self.folders[name]))
                uids = re.search(rb"\* SEARCH(.*)\r", imap.order("UID SEARCH UNDELETED"))[1].split()
                if len(uids) > KEPT // 4:
                    uid = self.chance.choice(uids).decode()
                    imap.order("UID STORE %s +FLAGS.SILENT (\\Deleted)" % uid)
                    imap.order("UID EXPUNGE " + uid)
                    self.went += 1
        read = glob.glob("%s/mail/%s/*/new/*" % (self.base, name))
        for path in self.chance.sample(read, min(1, len(read))):
            # As a mail reader does it; a run may be faster.
            with contextlib.suppress(FileNotFoundError):
                os.rename(path, path.replace("/new/", "/cur/") + ":2,S")

    def cut(self):
        self.cuts += 1
        name = self.chance.choice(("notify", "idle"))
        if self.cuts % 8 == 0:
            self.servers[name].restart()
        else:
            command = [DOVECOT, "adm", self.servers[name].directory, "kick", name]
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def difference(self, name):
        """Messages that are missing here, and those that are here too often."""
        here, there = collections.Counter(), collections.Counter()
        for path in glob.glob("%s/mail/%s/*/[cn][ue][rw]/*" % (self.base, name)):
            with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
                here.update(re.findall(rb"Message-ID: <(.*?)@", file.read()))
        with Imap(self.servers[name], name) as imap:
            for folder in self.folders[name]:
                imap.order("SELECT " + folder)
                there.update(re.findall(rb"Message-ID: <(.*?)@", imap.order("FETCH 1:* BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]")))
        return sum((there - here).values()), sum((here - there).values())

    def run(self):
        samples, begun = [], time.monotonic()
        deed, cut = begun, begun
        while (now := time.monotonic()) < begun + self.seconds:
            if now >= cut:
                self.cut()
                cut = now + self.chance.uniform(3, 9)
            if now >= deed:
                self.deed()
                deed = now + self.chance.uniform(0.2, 1.5)
            status = self.watch.status()
            samples.append((now - begun, {"MB": status["VmRSS"] * 1024 / 1e6, "threads": status["Threads"], **self.watch.descriptors()}))
            time.sleep(0.25)
        with contextlib.suppress(Failed):
            until("the same here and there", lambda: all(self.difference(name) == (0, 0) for name in self.servers), 2)
        differ = {name: self.difference(name) for name in self.servers if self.difference(name) != (0, 0)}
        with open(self.base + "/says") as says:
            runs = says.read().count("a run begins")
        self.watch.end()
        rows = [("soak", "%d s" % self.seconds, "%d came, %d went, %d cuts, %d runs" % (self.came, self.went, self.cuts, runs), "", True)]
        rows.append(("", "mail", "missing, surplus: %s" % differ if differ else "every message is here, once", "", not differ))
        for kind in ("MB", "threads", "sockets", "inotify", "files", "others"):
            quarters = [[s.get(kind, 0) for at, s in samples if at * 4 // self.seconds == quarter] for quarter in range(4)]
            medians = [statistics.median(quarter) for quarter in quarters]
            most = medians[1] * GROWTH + 1 if kind == "MB" else medians[1] + (POOL if kind == "threads" else JITTER)
            rows.append(("", kind, " → ".join("%.3g" % median for median in medians), "medians of the quarters", medians[3] <= most))
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--soak", type=int, metavar="SECONDS", help="instead of the others")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--folders", type=int, choices=(1, 20), default=20, help="of each account at rest")
    parser.add_argument("--mailx", default=os.path.join(os.path.dirname(HERE), "target", "release", "mailx"))
    parser.add_argument("--work", default=os.path.join(os.path.dirname(HERE), "target", "bench"), help="where mailx writes: a real disk")
    parser.add_argument("--server", default="/dev/shm/mailx-watch.%d" % os.getpid(), help="where servers keep their mail")
    options = parser.parse_args()
    options.mailx, options.work = os.path.abspath(options.mailx), os.path.abspath(options.work)
    parts = ["soak"] if options.soak else options.only.split(",")
    if not set(parts) <= {"soak", *PARTS}:
        parser.error("parts are " + ", ".join(PARTS))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(options.work, exist_ok=True)
    base = tempfile.mkdtemp(prefix="watch-", dir=options.work)
    rows, bench = [], Bench(options, base)
    try:
        for part in parts:
            say(part)
            with bench.stack:
                try:
                    rows += {"ping": bench.ping, "rest": bench.rest, "soak": lambda: Soak(bench).run()}.get(part, lambda: bench.push(part))()
                except Failed as why:
                    rows.append((part, "", str(why), "", False))
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(options.server)
        subprocess.Popen(["nice", "rm", "-rf", base], stdin=subprocess.DEVNULL, start_new_session=True)
    for part, what, value, goal, reached in rows:
        print("%-7s %-24s %-42s %-24s %s" % (part, what, value, goal, "" if reached else "MISSED"))
    sys.exit(0 if all(row[-1] for row in rows) else 1)


if __name__ == "__main__":
    main()
