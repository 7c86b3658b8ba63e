"""What a Maildir and an account hold, to compare them message by message; and changes on the server to be followed.

A message is (folder, Message-ID, flags as Maildir letters).  Both sides are read outside of the measured time, and a message's id once
only: its name up to the flags, or its UID, stands for it from then on.
"""
import collections
import os
import random
import re

import corpus
from server import Imap

LETTERS = {b"\\Draft": "D", b"\\Flagged": "F", b"$Forwarded": "P", b"\\Answered": "R", b"\\Seen": "S", b"\\Deleted": "T"}
WORDS = {letter: word.decode() for word, letter in LETTERS.items()}
MESSAGE_ID = re.compile(rb"^Message-ID: <([^>]*)>", re.IGNORECASE | re.MULTILINE)
NEW, OTHER_FLAGS, GONE = 100, 100, 50


def plain(folder):
    """A folder's name as people write it: some clients keep IMAP's UTF-7 on the disk."""
    return folder.replace("&", "+").encode().decode("utf-7") if "&" in folder else folder


class Here:
    def __init__(self, directory):
        self.root = directory
        self.ids = {}

    def messages(self):
        found = []
        for place, _, files in os.walk(self.root):
            if os.path.basename(place) not in ("cur", "new"):
                continue
            folder = plain(os.path.relpath(os.path.dirname(place), self.root))
            for name in files:
                if name.startswith("."):
                    continue
                base, _, flags = name.partition(":2,")
                if (folder, base) not in self.ids:
                    self.ids[folder, base] = self.message_id(os.path.join(place, name))
                found.append((folder, self.ids[folder, base], "".join(sorted(flags))))
        return sorted(found)

    @staticmethod
    def message_id(path):
        with open(path, "rb") as file:
            found = MESSAGE_ID.search(file.read(8192))
        return found[1] if found else path.encode()


class There:
    def __init__(self, server, account, ids=()):
        """`ids` are another account's of which this one is a copy."""
        self.server, self.account, self.ids = server, account, dict(ids)

    def messages(self):
        found = []
        with Imap(self.server, self.account) as imap:
            for folder in imap.folders():
                imap.order('EXAMINE "%s"' % folder)
                listing = re.findall(rb"^\* \d+ FETCH \(UID (\d+) FLAGS \((.*?)\)", imap.order("UID FETCH 1:* FLAGS"), re.MULTILINE)
                unknown = [int(uid) for uid, _ in listing if (folder, int(uid)) not in self.ids]
                if unknown:
                    self.learn(imap, folder, "%d:%d" % (unknown[0], unknown[-1]))
                for uid, flags in listing:
                    letters = "".join(sorted(LETTERS[flag] for flag in flags.split() if flag in LETTERS))
                    found.append((plain(folder), self.ids.get((folder, int(uid)), uid), letters))
        return sorted(found)

    def learn(self, imap, folder, uids):
        answer = imap.order("UID FETCH %s BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]" % uids)
        for uid, message_id in re.findall(rb"^\* \d+ FETCH \(UID (\d+) .*\r\nMessage-ID: <(.*?)>", answer, re.MULTILINE | re.IGNORECASE):
            self.ids[folder, int(uid)] = message_id


def difference(found, expected):
    """How many messages are in one of the two only; one with other flags counts twice."""
    if found == expected:
        return 0
    found, expected = collections.Counter(found), collections.Counter(expected)
    return sum((found - expected).values()) + sum((expected - found).values())


def change(server, account, number, tree):
    """The changes of a round: new messages, other flags, messages gone, all in INBOX.  A round's number gives the same ones each time."""
    corpus.write(tree, NEW, True, 1, seed=1000 + number)
    choice = random.Random(number)
    with Imap(server, account) as imap:
        imap.order("SELECT INBOX")
        uids = [int(uid) for uid in imap.order("UID SEARCH ALL").split()[2:]]
        picked = choice.sample(uids, OTHER_FLAGS + GONE)
        flags, gone = picked[:OTHER_FLAGS], ",".join(map(str, picked[OTHER_FLAGS:]))
        flagged = set(map(int, re.findall(rb"UID (\d+) FLAGS \(.*\\Flagged", imap.order("UID FETCH %s FLAGS" % ",".join(map(str, flags))))))
        for sign, some in (("-", [uid for uid in flags if uid in flagged]), ("+", [uid for uid in flags if uid not in flagged])):
            if some:
                imap.order("UID STORE %s %sFLAGS.SILENT (\\Flagged)" % (",".join(map(str, some)), sign))
        for part in ("cur", "new"):
            where = os.path.join(tree, "INBOX", part)
            for name in sorted(os.listdir(where)):
                with open(os.path.join(where, name), "rb") as file:
                    content = file.read().replace(b"\n", b"\r\n")
                words = " ".join(WORDS[letter] for letter in name.partition(":2,")[2])
                imap.order("APPEND INBOX (%s) {%d+}\r\n" % (words, len(content)), content)
        imap.order("UID STORE %s +FLAGS.SILENT (\\Deleted)" % gone)
        imap.order("UID EXPUNGE %s" % gone)
