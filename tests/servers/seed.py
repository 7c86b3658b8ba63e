#!/usr/bin/env python3
"""Puts mail on a test server by IMAP: the back door that does not use the code under test.

  seed.py DIR USER MAILBOX FILE.eml...          append files, in the order given
  seed.py DIR USER MAILBOX --count 300          append generated messages
  seed.py DIR USER --create "Archive/2024" ...  make mailboxes (any Unicode; separator /)
  seed.py DIR USER MAILBOX --raw FILE.eml...    drop the exact bytes into new/ of a user with a Maildir (md-*)

DIR is a running server's directory (its env file names the ports).  --flags '\\Seen $Work' and --date SECS (since 1970; one
more second for each message) go with what is appended.  Mailbox names are given decoded.
"""
import argparse
import base64
import imaplib
import os
import random
import shutil
import sys
import time


def env(directory):
    with open(os.path.join(directory, "env")) as lines:
        return dict(line.rstrip("\n").split("=", 1) for line in lines)


def utf7(name):
    """RFC 3501 5.1.3: modified UTF-7, as mailbox names travel."""
    out, plain = [], ""
    for char in name + "\0":
        if 0x20 <= ord(char) <= 0x7E or char == "\0":
            if plain:
                coded = base64.b64encode(plain.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
                out.append("&" + coded + "-")
                plain = ""
            out.append("&-" if char == "&" else char)
        else:
            plain += char
    return "".join(out)[:-1]


def quoted(name):
    return '"%s"' % utf7(name).replace("\\", "\\\\").replace('"', '\\"')


def connect(directory, user):
    """A logged-in imaplib connection, in clear text: the server is on loopback and a test sees the wire."""
    settings = env(directory)
    imaplib._MAXLINE = 1 << 24
    server = imaplib.IMAP4("127.0.0.1", int(settings["IMAP_PORT"]))
    server.login(user, settings["PASSWORD"])
    return server


def generated(number, seed):
    """One small message; the same arguments give the same bytes."""
    r = random.Random("%s/%d" % (seed, number))
    words = "meeting notes Grüße invoice build failed release naïve ticket closed 会議 travel plan".split()
    lines = [
        "Return-Path: <sender%d@example.org>" % r.randrange(40),
        "Date: Mon, %d Jan 2024 %02d:%02d:00 +0000" % (1 + 7 * r.randrange(4), r.randrange(24), r.randrange(60)),
        "From: Sender %d <sender%d@example.org>" % (r.randrange(40), r.randrange(40)),
        "To: Me <me@example.org>",
        "Subject: =?utf-8?B?%s?=" % base64.b64encode(" ".join(r.choices(words, k=4)).encode()).decode(),
        "Message-ID: <%d.%x@seed.example>" % (number, r.getrandbits(64)),
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
    ]
    lines += [" ".join(r.choices(words, k=r.randint(1, 11))) for _ in range(int(r.paretovariate(0.9)) % 400 + 1)]
    return ("\r\n".join(lines) + "\r\n").encode()


def append(server, mailbox, flags, date, message):
    """Bytes go as they are: imaplib's own append would rewrite line ends."""
    tag = server._new_tag()
    when = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(date))
    head = '%s APPEND %s (%s) "%s" {%d+}\r\n' % (tag.decode(), quoted(mailbox), flags, when, len(message))
    server.send(head.encode() + message + b"\r\n")
    status, answer = server._command_complete("APPEND", tag)
    if status != "OK":
        raise server.error("APPEND %s: %r" % (mailbox, answer))


def drop(directory, user, mailbox, files):
    """Behind the server's back, for bytes that APPEND would change or refuse."""
    root = os.path.join(env(directory)["MAIL"], user, "Maildir")
    folder = root if mailbox == "INBOX" else os.path.join(root, "." + utf7(mailbox.replace("/", ".")))
    owner = os.stat(env(directory)["MAIL"])
    places = [folder] + [os.path.join(folder, part) for part in ("cur", "new", "tmp")]
    for place in (os.path.dirname(root), root, *places):
        if not os.path.isdir(place):
            os.mkdir(place, 0o700)
            os.chown(place, owner.st_uid, owner.st_gid)
    for number, name in enumerate(files):
        base = "%d.M%06dP%d.seed" % (time.time(), number, os.getpid())
        shutil.copyfile(name, os.path.join(folder, "tmp", base))
        os.chown(os.path.join(folder, "tmp", base), owner.st_uid, owner.st_gid)
        os.rename(os.path.join(folder, "tmp", base), os.path.join(folder, "new", base))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("user")
    parser.add_argument("mailbox", nargs="?", default="INBOX")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--flags", default="")
    parser.add_argument("--date", type=int, default=1704067200)
    parser.add_argument("--create", nargs="+", default=[])
    parser.add_argument("--raw", action="store_true")
    options = parser.parse_intermixed_args(arguments)
    if options.raw:
        drop(options.directory, options.user, options.mailbox, options.files)
        return
    server = connect(options.directory, options.user)
    for name in options.create:
        status, answer = server.create(quoted(name))
        if status != "OK" and b"ALREADYEXISTS" not in answer[0]:
            sys.exit("seed.py: CREATE %s: %r" % (name, answer))
    sources = [open(name, "rb").read for name in options.files]
    sources += [lambda number=number: generated(number, options.seed) for number in range(options.count)]
    for number, read in enumerate(sources):
        append(server, options.mailbox, options.flags, options.date + number, read())
    server.logout()


if __name__ == "__main__":
    main()
