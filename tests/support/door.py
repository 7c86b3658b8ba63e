#!/usr/bin/env python3
"""The back door: looks at and changes a test server by plain imaplib.

  door.py serve                               one line of JSON for each deed on standard input, see serve()
  door.py DIR USER list                       every mailbox with uid, flags, date, size, sha256 (of the wire bytes) and identity
                                              (sha256 with CRLF taken as LF), as JSON
  door.py DIR USER bodies MAILBOX OUT         writes every message to OUT/UID.eml
  door.py DIR USER store MAILBOX UIDS FLAGS   +FLAGS or -FLAGS: '+\\Seen $Work'
  door.py DIR USER expunge MAILBOX UIDS       removes these for good
  door.py DIR USER drop MAILBOX               removes it with all that is in it
  door.py DIR USER subscribed                 names of the mailboxes that the user is subscribed to, as JSON
  door.py DIR USER do DEEDS                   many deeds on one connection, as JSON: ["create", MAILBOX], ["rename", MAILBOX, TO], ["append", MAILBOX, TEXT, FLAGS],
                                              ["store", MAILBOX, IDENTITY, FLAGS], ["expunge", MAILBOX, IDENTITY], ["move", MAILBOX, IDENTITY, TO],
                                              ["prime", MAILBOX]: gives it mod-sequences
  door.py DIR USER fill MAILBOX COUNT SEED    many small messages on one connection, without waiting for each
"""
import base64
import hashlib
import imaplib
import io
import json
import os
import re
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
import seed  # noqa: E402


def plain(name):
    """Modified UTF-7 back to text."""
    part = lambda m: base64.b64decode(m[1].replace(",", "/") + "===").decode("utf-16-be") if m[1] else "&"
    return re.sub("&([^-]*)-", part, name)


def mailboxes(server, command="list"):
    found = []
    for line in getattr(server, command)()[1]:
        if line is None:
            continue
        if isinstance(line, tuple):
            flags, name = line[0], line[1].decode()
        else:
            match = re.match(rb'\((.*?)\) (?:"(?:\\?.)"|NIL) (.*)$', line)
            flags, name = match[1], match[2].decode()
            if name.startswith('"'):
                name = re.sub(r"\\(.)", r"\1", name[1:-1])
        if b"noselect" not in flags.lower() and b"nonexistent" not in flags.lower():
            found.append(plain(name))
    return found


def messages(server, mailbox):
    status, answer = server.select(seed.quoted(mailbox), readonly=True)
    if status != "OK":
        raise SystemExit("door.py: EXAMINE %s: %r" % (mailbox, answer))
    if answer[0] == b"0":
        return
    for item in server.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")[1]:
        if isinstance(item, tuple):
            head, body = item
        elif item is not None and b'BODY[] ""' in item:
            head, body = item, b""
        else:
            continue
        yield {
            "uid": int(re.search(rb"UID (\d+)", head)[1]),
            "flags": re.search(rb"FLAGS \((.*?)\)", head)[1].decode().split(),
            "date": int(time.mktime(imaplib.Internaldate2tuple(head))),
            "size": int(re.search(rb"RFC822.SIZE (\d+)", head)[1]),
        }, body


def listing(server):
    all = {}
    for mailbox in mailboxes(server):
        all[mailbox] = []
        for message, body in messages(server, mailbox):
            message["sha256"] = hashlib.sha256(body).hexdigest()
            message["identity"] = hashlib.sha256(body.replace(b"\r\n", b"\n")).hexdigest()
            all[mailbox].append(message)
    return all


def store(server, mailbox, uids, change, expunge=False):
    server.select(seed.quoted(mailbox))
    sign, flags = change[0], change[1:]
    status, answer = server.uid("STORE", uids, sign + "FLAGS.SILENT", "(%s)" % flags)
    if status == "OK" and expunge:
        status, answer = server.uid("EXPUNGE", uids)
    if status != "OK":
        raise SystemExit("door.py: %r" % answer)


def fill(server, mailbox, count, name):
    """APPENDs in pieces of MULTIAPPEND: thousands in seconds."""
    for start in range(0, count, 500):
        parts = []
        for number in range(start, min(start + 500, count)):
            message = (
                "From: a@example.org\r\nSubject: %d\r\nMessage-ID: <%s.%d@door.example>\r\n\r\nSmall message %d of %s.\r\n"
                % (number, name, number, number, name)
            ).encode()
            parts.append(b" () {%d+}\r\n%s" % (len(message), message))
        tag = server._new_tag()
        server.send(tag + b" APPEND " + seed.quoted(mailbox).encode() + b"".join(parts) + b"\r\n")
        status, answer = server._command_complete("APPEND", tag)
        if status != "OK":
            raise SystemExit("door.py: %r" % answer)


def uid_of(server, mailbox, identity):
    for message, body in messages(server, mailbox):
        if hashlib.sha256(body.replace(b"\r\n", b"\n")).hexdigest() == identity:
            return str(message["uid"])
    raise SystemExit("door.py: no %s in %s" % (identity, mailbox))


def do(server, deeds):
    for verb, mailbox, *rest in deeds:
        answer = ("OK",)
        if verb == "create":
            answer = server.create(seed.quoted(mailbox))
        elif verb in ("rename", "delete"):
            answer = getattr(server, verb)(*map(seed.quoted, [mailbox, *rest]))
        elif verb == "append":
            date = imaplib.Time2Internaldate(1600000000)
            answer = server.append(seed.quoted(mailbox), "(%s)" % rest[1], date, rest[0].encode())
        elif verb == "prime":
            answer = server._simple_command("SELECT", seed.quoted(mailbox), "(CONDSTORE)")
        elif verb in ("store", "expunge"):
            uid = uid_of(server, mailbox, rest[0])
            store(server, mailbox, uid, rest[1] if verb == "store" else "+\\Deleted", expunge=verb == "expunge")
        elif verb == "move":
            uid = uid_of(server, mailbox, rest[0])
            server.select(seed.quoted(mailbox))
            answer = server._simple_command("UID", "MOVE", uid, seed.quoted(rest[1]))
        if answer[0] != "OK":
            raise SystemExit("door.py: %s %s: %r" % (verb, mailbox, answer))


def serve():
    """Does what each line says, a JSON list: the script's name and its arguments. Answers each by a line, {"out": …} or {"error": …}: starting
    Python takes longer than most deeds."""
    real = sys.stdout
    for line in sys.stdin:
        script, *arguments = json.loads(line)
        sys.stdout, answer = io.StringIO(), {}
        try:
            {"door": main, "seed": seed.main}[script](arguments)
            answer["out"] = sys.stdout.getvalue()
        except BaseException as error:  # the caller's test fails with it
            answer["error"] = "".join(traceback.format_exception(error))
        sys.stdout = real
        print(json.dumps(answer), flush=True)


def main(arguments):
    directory, user, command, *rest = arguments
    server = seed.connect(directory, user)
    if command == "list":
        json.dump(listing(server), sys.stdout)
    elif command == "bodies":
        for message, body in messages(server, rest[0]):
            with open(os.path.join(rest[1], "%d.eml" % message["uid"]), "wb") as file:
                file.write(body)
    elif command == "store":
        store(server, *rest)
    elif command == "expunge":
        store(server, rest[0], rest[1], "+\\Deleted", expunge=True)
    elif command == "drop":
        status, answer = server.delete(seed.quoted(rest[0]))
        if status != "OK":
            raise SystemExit("door.py: %r" % answer)
    elif command == "subscribed":
        json.dump(sorted(mailboxes(server, "lsub")), sys.stdout)
    elif command == "do":
        do(server, json.loads(rest[0]))
    elif command == "fill":
        fill(server, rest[0], int(rest[1]), rest[2])
    else:
        raise SystemExit(__doc__)
    server.logout()


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    time.tzset()
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        main(sys.argv[1:])
