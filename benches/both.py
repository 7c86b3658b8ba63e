"""The jobs of `mailx sync`: changes on the server, uploads.  `bench` is run.py, which measures."""
import imaplib
import os
import shutil
import time

import corpus

NEW, FLAGGED, GONE = 100, 100, 50
UPLOADS = 1_000
TRUST = 4  # seconds after which mailx relies on the time stamp of a directory


def connect(server, user):
    imap = imaplib.IMAP4("127.0.0.1", int(server.env["IMAP_PORT"]))
    imap.login(user, server.env["PASSWORD"])
    return imap


def position(server, user):
    """UIDVALIDITY:HIGHESTMODSEQ:UIDNEXT of INBOX, for the floor."""
    imap = connect(server, user)
    text = imap.status("INBOX", "(UIDVALIDITY HIGHESTMODSEQ UIDNEXT)")[1][0].decode()
    imap.logout()
    words = text[text.rindex("(") + 1 : -1].split()
    fields = dict(zip(words[::2], words[1::2]))
    return "%s:%s:%s" % (fields["UIDVALIDITY"], fields["HIGHESTMODSEQ"], fields["UIDNEXT"])


def change(server, user, number):
    """100 new messages, 100 flag changes, 50 gone; each number others."""
    imap = connect(server, user)
    imap.select("INBOX")
    first = 1000 + number * FLAGGED
    imap.uid("STORE", "%d:%d" % (first, first + FLAGGED - 1), "+FLAGS.SILENT", "(\\Flagged)")
    first = 5000 + number * GONE
    imap.uid("STORE", "%d:%d" % (first, first + GONE - 1), "+FLAGS.SILENT", "(\\Deleted)")
    imap.uid("EXPUNGE", "%d:%d" % (first, first + GONE - 1))
    for n in range(NEW):
        text = "From: a@example.org\r\nSubject: %d.%d\r\nMessage-ID: <%d.%d@bench.example>\r\n\r\n%s" % (number, n, number, n, "x" * 70 + "\r\n")
        imap.append("INBOX", "", None, (text + ("y" * 70 + "\r\n") * 40).encode())
    imap.logout()


def delta(bench, server, account, names, base):
    """What changed on the server comes here.  Each client has an account of its own, and a run in between that is not measured."""
    expected = bench.ACCOUNTS[account][0]
    ready = {}
    for name in names:
        user = "%s-%s" % (account, name)
        server.load(account, user)
        directory = bench.fresh_directory(base)
        prepared = bench.run(server, user, bench.CLIENTS[name](directory, server, user, server.port, "first"), directory)
        bench.complain_about(prepared, directory, expected)
        if prepared["error"]:
            raise SystemExit("run.py: %s: %s" % (name, prepared["error"]))
        ready[name] = user, directory

    def step(name, number):
        user, directory = ready[name]
        command = bench.CLIENTS[name](directory, server, user, server.port, "sync")
        if name != "floor":
            time.sleep(TRUST)
            bench.run(server, user, command, directory)
        since = position(server, user)
        change(server, user, number)
        if name == "floor":
            command = bench.CLIENTS[name](directory, server, user, server.port, "sync")[:-2] + ["-d", since, str(server.port), user]
        result = bench.run(server, user, command, directory)
        bench.complain_about(result, directory, expected + (number + 1) * (NEW - GONE))
        flagged = sum(name.rpartition(":2,")[2].startswith("F") for name in os.listdir(directory + "/mail/INBOX/cur"))
        if not result["error"] and flagged < (number + 1) * FLAGGED:
            result["error"] = "%d messages are flagged" % flagged
        return result

    return bench.repeat(names, step), {}


def upload(bench, server, account, names, base):
    """1,000 new files go to an account that has nothing yet."""
    source = os.path.join(base, "source")
    corpus.write(source, UPLOADS, False, 1)
    files = [os.path.join(place, name) for place, _, found in os.walk(source) for name in found if "/cur" in place or "/new" in place]

    def step(name, number):
        user = "up-%s-%d" % (name.replace(" ", "-"), number)
        directory = bench.fresh_directory(base)
        command = bench.CLIENTS[name](directory, server, user, server.port, "sync")
        if name == "floor":
            command = command[:-4] + ["-u", directory + "/mail/INBOX/cur", str(server.port), user]
        else:
            bench.run(server, user, command, directory)
        os.makedirs(directory + "/mail/INBOX/cur", exist_ok=True)
        for n, path in enumerate(files):
            shutil.copy2(path, "%s/mail/INBOX/cur/%d.bench:2,S" % (directory, n))
        result = bench.run(server, user, command, directory)
        imap = connect(server, user)
        found = int(imap.select("INBOX", readonly=True)[1][0])
        imap.logout()
        if not result["error"] and found != len(files):
            result["error"] = "%d of %d messages" % (found, len(files))
        return result

    return bench.repeat(names, step), {}
