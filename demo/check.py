#!/usr/bin/env python3
"""Compares an account on the test server with a Maildir, every message byte for byte: check.py SERVER_DIR USER MAILDIR

The Maildir is in the fs layout.  A message may be stored with LF for CRLF, but only where that can be undone: a file with CR in
it must be exactly what the server sends.  Folders, numbers of copies and file modes must agree too.
"""
import collections
import hashlib
import imaplib
import os
import re
import ssl
import stat
import sys


def utf7(name):
    """Modified UTF-7 (RFC 3501 5.1.3) to text."""
    part = lambda m: "&" if not m[1] else ("+" + m[1].replace(",", "/") + "-").encode().decode("utf-7")
    return re.sub("&([^-]*)-", part, name)


def connect(server, user):
    with open(os.path.join(server, "env")) as lines:
        env = dict(line.rstrip("\n").split("=", 1) for line in lines)
    context = ssl.create_default_context(cafile=env["CA"])
    imaplib._MAXLINE = 1 << 24
    connection = imaplib.IMAP4_SSL(env["HOST"], int(env["IMAPS_PORT"]), ssl_context=context)
    connection.login(user, env["PASSWORD"])
    return connection


def there(connection, name):
    """Counts the messages of one server folder by their hash."""
    status, answer = connection.select('"%s"' % name, readonly=True)
    if status != "OK":
        raise connection.error(answer)
    found = collections.Counter()
    for number in range(1, int(answer[0]) + 1):
        found[hashlib.sha256(connection.fetch(str(number), "(BODY.PEEK[])")[1][0][1]).digest()] += 1
    return found


def here(root, folder):
    """The files of one local folder: path and the hashes that the server's copy may have."""
    for part in ("cur", "new"):
        place = os.path.join(root, folder, part)
        for name in sorted(os.listdir(place) if os.path.isdir(place) else []):
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                content = file.read()
            hashes = [hashlib.sha256(content).digest()]
            if b"\r" not in content:
                hashes.append(hashlib.sha256(content.replace(b"\n", b"\r\n")).digest())
            yield path, hashes


def compare(remote, root, folder):
    """Takes each local file's counterpart out of remote; returns the number of matches and the complaints."""
    matched, wrong = 0, []
    for path, hashes in here(root, folder):
        counterpart = next((h for h in hashes if remote[h] > 0), None)
        if counterpart is None:
            wrong.append("%s: not what the server has, or once too often" % path)
            continue
        remote[counterpart] -= 1
        matched += 1
        if stat.S_IMODE(os.stat(path).st_mode) != 0o600:
            wrong.append("%s: mode %o" % (path, stat.S_IMODE(os.stat(path).st_mode)))
    missing = sum(remote.values())
    if missing:
        wrong.append("%s: %d messages missing here" % (folder, missing))
    return matched, wrong


def local_folders(root):
    return {os.path.relpath(d, root) for d, names, _ in os.walk(root) if {"cur", "new", "tmp"} <= set(names)}


def main():
    server, user, root = sys.argv[1:]
    connection = connect(server, user)
    total, wrong, folders = 0, [], set()
    for line in connection.list()[1]:
        flags, name = re.match(rb'\(([^)]*)\) "." (.*)$', line).groups()
        if b"\\Noselect" in flags:
            continue
        name = name.decode().strip('"')
        folders.add(utf7(name))
        matched, complaints = compare(there(connection, name), root, utf7(name))
        total += matched
        wrong += complaints
        print("  %-20s %5d messages %s" % (utf7(name), matched, "differ" if complaints else "identical"))
    connection.logout()
    wrong += ["%s: a folder that the server does not have" % f for f in sorted(local_folders(root) - folders)]
    for complaint in wrong[:50]:
        print("  " + complaint)
    print("%d messages identical, %d differences" % (total, len(wrong)))
    sys.exit(1 if wrong or not total else 0)


if __name__ == "__main__":
    main()
