#!/usr/bin/env python3
"""Takes mail by SMTP and keeps it, for tests of sending: smtp_sink.py PORT DIRECTORY [IMAP_PORT DOMAIN]

Each accepted message becomes DIRECTORY/<n>.eml, the bytes after dot-unstuffing, and <n>.json, its envelope {"from", "to"}, in that
order and each by rename: a test waits for the .json.  Recipients with "refused" in them get 550, with "later" 451.
Those of DOMAIN find it in their INBOX on the IMAP server before it is accepted.
"""
import imaplib
import itertools
import json
import os
import re
import socketserver
import sys

port, directory = int(sys.argv[1]), sys.argv[2]
imap_port, domain = (sys.argv[3:] + ["", ""])[:2]
numbers = itertools.count(1 + sum(name.endswith(".json") for name in os.listdir(directory)))


def keep(name, content):
    path = os.path.join(directory, name)
    with open(path + ".part", "wb") as file:
        file.write(content)
    os.rename(path + ".part", path)


def deliver(user, message):
    server = imaplib.IMAP4("127.0.0.1", int(imap_port))
    server.login(user, "pass")
    server.append("INBOX", None, None, message)
    server.logout()


class Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say("220 sink.example ESMTP")
        self.reset()
        for line in self.rfile:
            words = line.decode("utf-8", "replace").strip()
            verb = words[:4].upper()
            if verb == "QUIT":
                self.say("221 bye")
                return
            getattr(self, "do_" + verb.lower(), self.unknown)(words)

    def reset(self):
        self.sender, self.recipients = None, []

    def unknown(self, _):
        self.say("500 what?")

    def do_ehlo(self, _):
        self.reset()
        self.say("250-sink.example")
        self.say("250-PIPELINING")
        self.say("250-8BITMIME")
        self.say("250-ENHANCEDSTATUSCODES")
        self.say("250 SIZE 104857600")

    do_helo = do_rset = do_noop = lambda self, words: (words[:4].upper() != "NOOP" and self.reset(), self.say("250 ok"))

    def do_mail(self, words):
        self.sender = re.search("<(.*?)>", words)[1]
        self.say("250 2.1.0 ok")

    def do_rcpt(self, words):
        recipient = re.search("<(.*?)>", words)[1]
        if "refused" in recipient:
            self.say("550 5.1.1 no such user")
        elif "later" in recipient:
            self.say("451 4.3.0 try again later")
        else:
            self.recipients.append(recipient)
            self.say("250 2.1.5 ok")

    def do_data(self, _):
        if not self.recipients:
            self.say("554 5.5.1 no valid recipients")
            return
        self.say("354 go on")
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        else:
            return
        number = next(numbers)
        keep("%d.eml" % number, b"".join(lines))
        keep("%d.json" % number, json.dumps({"from": self.sender, "to": self.recipients}).encode())
        for recipient in self.recipients:
            if imap_port and recipient.endswith("@" + domain):
                deliver(recipient.split("@")[0], b"".join(lines))
        self.reset()
        self.say("250 2.0.0 kept as %d" % number)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


if __name__ == "__main__":
    Server(("127.0.0.1", port), Session).serve_forever()
