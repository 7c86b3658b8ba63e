#!/usr/bin/env python3
"""A mail corpus shaped like real accounts, as a Maildir tree (layout fs): corpus.py OUT -n 10000 [--small] [--folders 1|20]

Mixed sizes are log-normal: median 12 KB, mean 60 KB, at most 10 MB.  --small: median 3 KB, at most 20 KB; it shows the cost per
message.  With 20 folders INBOX has 40 % and a power law shares the rest.  The same arguments give the same bytes and names.
"""
import argparse
import base64
import math
import os
import quopri
import random
import time

WORDS = (
    "the quarterly report attached please review before meeting tomorrow thanks regards we have updated schedule for release "
    "and would like your feedback on following points server migration went fine no data was lost but two accounts need a new "
    "password invoice number order shipped tracking customer support ticket closed reopened patch build failed main branch test "
    "coverage merge request comments resolved Grüße schöne naïve café résumé façade Straße año 東京 会議 привет мир lorem ipsum"
).split()
NAMES = "Anna Björn Chloé David Elif Fatima Grzegorz Hana Igor Julia Kenji Lena Miguel Nadia Oskar Priya Rosa Søren Tomáš".split()
DOMAINS = "example.org example.com example.net lists.example.org mail.example.com corp.example".split()
FOLDERS = (
    "INBOX Sent Drafts Trash Junk Archive Archive/2021 Archive/2022 Archive/2023 Lists Lists/dev Lists/users Lists/security Work "
    "Work/Projects Work/Projects/Alpha Family Travel Receipts Entw&APw-rfe"
).split()
# No T: a client that is told to expunge would change the account under test.
FLAGS = {"S": 62, "": 14, "RS": 14, "FS": 4, "F": 1, "FRS": 2, "PS": 1, "DS": 2}
ATTACHMENTS = ("application/pdf", "image/jpeg", "application/zip", "image/png")
BEGIN, SPAN = 1577836800, 5 * 365 * 86400  # from 2020-01-01 on, seconds
B64_LINE = 77


def encoded(text):
    if text.isascii():
        return text
    return "=?utf-8?B?%s?=" % base64.b64encode(text.encode()).decode()


class Generator:
    """Cuts messages from a pool of text and one of random bytes: fast, and still varied."""

    def __init__(self, seed, small):
        self.random = r = random.Random(seed)
        self.small = small
        self.lines = [" ".join(r.choices(WORDS, k=r.randint(6, 12))) + r.choice(".,!?") for _ in range(30_000)]
        self.base64 = base64.encodebytes(r.randbytes(12_000_000))
        self.ids = []

    def size(self):
        median, sigma, least, most = (3000, 0.75, 900, 20_000) if self.small else (13_000, 1.77, 1000, 10_000_000)
        return int(min(most, max(least, self.random.lognormvariate(math.log(median), sigma))))

    def person(self):
        name = self.random.choice(NAMES)
        local = name.encode("ascii", "ignore").decode().lower()
        return "%s <%s@%s>" % (encoded(name + " Example"), local, self.random.choice(DOMAINS))

    def text(self, size):
        """About size bytes of UTF-8 lines."""
        at, out, length = self.random.randrange(len(self.lines)), [], 0
        while length < size:
            line = self.lines[at % len(self.lines)]
            at += 1
            if at % 7 == 0:
                line = ""
            elif at % 23 == 0:
                line = "> " + line
            out.append(line)
            length += len(line.encode()) + 1
        return ("\n".join(out) + "\n").encode()

    def blob(self, size):
        """About size bytes of base64 lines."""
        count = max(1, size // B64_LINE)
        start = self.random.randrange(max(1, len(self.base64) // B64_LINE - count))
        return self.base64[start * B64_LINE : (start + count) * B64_LINE]

    def header(self, number, when):
        r = self.random
        date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(when))
        message_id = "<%d.%x@%s>" % (number, r.getrandbits(64), r.choice(DOMAINS))
        lines = ["Return-Path: <bounce-%x@%s>" % (r.getrandbits(32), r.choice(DOMAINS))]
        for hop in range(r.randint(1, 4)):
            lines.append(
                "Received: from mx%d.example.net (mx%d.example.net [192.0.2.%d])\n\tby mail.example.org (Postfix) with ESMTPS id %X\n"
                "\tfor <user@example.org>; %s" % (hop, hop, r.randrange(255), r.getrandbits(48), date)
            )
        if r.random() < 0.6:
            signature = "\n\t ".join(base64.b64encode(r.randbytes(54)).decode() for _ in range(3))
            lines.append("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel1;\n\th=from:to:subject:date;\n\tb=" + signature)
        lines += ["Date: " + date, "From: " + self.person()]
        lines.append("To: " + ",\n\t".join(self.person() for _ in range(1 + int(r.paretovariate(1.6)) % 12)))
        lines.append("Subject: " + " ".join(encoded(word) for word in r.choices(WORDS, k=r.randint(2, 9))))
        lines.append("Message-ID: " + message_id)
        if self.ids and r.random() < 0.4:
            lines.append("References: " + "\n\t".join(r.choices(self.ids, k=r.randint(1, 5))))
        if r.random() < 0.25:
            lines += ["List-Id: <dev.lists.example.org>", "Precedence: list"]
        lines.append("MIME-Version: 1.0")
        self.ids = self.ids[-2000:] + [message_id]
        return ("\n".join(lines) + "\n").encode()

    def message(self, number, when):
        r = self.random
        size, head, kind = self.size(), self.header(number, when), r.random()
        left = max(200, size - len(head) - 150)
        plain = b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
        if left > 60_000 or kind > 0.82:
            note = min(left // 3, r.randint(300, 6000))
            count = 1 if left < 30_000 else r.randint(1, 3)
            parts = [plain + self.text(note)]
            for _ in range(count):
                label = "Content-Type: %s\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment\n\n" % r.choice(ATTACHMENTS)
                parts.append(label.encode() + self.blob(max(80, (left - note - 600) // count)))
            return head + multipart("mixed", number, parts)
        if kind > 0.35:
            html = b"<html><body>\n" + self.text(int(left * 0.53)).replace(b"\n\n", b"\n<p>\n") + b"</body></html>\n"
            label = b"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
            return head + multipart("alternative", number, [plain + self.text(left // 3), label + quopri.encodestring(html)])
        if kind > 0.12:
            return head + plain + self.text(left)
        return head + b"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + self.blob(left)


def multipart(subtype, number, parts):
    mark = b"=_part_%d" % number
    start = b'Content-Type: multipart/%s;\n\tboundary="%s"\n\nThis is a multi-part message in MIME format.\n' % (subtype.encode(), mark)
    return start + b"".join(b"--" + mark + b"\n" + part + b"\n" for part in parts) + b"--" + mark + b"--\n"


def write(out, count, small, folder_count, seed=1):
    """Writes the tree; returns the number of bytes."""
    generator = Generator("%d/%d/%s/%d" % (seed, count, small, folder_count), small)
    r, total = generator.random, 0
    folders = FOLDERS[:folder_count]
    weights = [0.4] + [0.6 / (i + 1) / sum(1 / (j + 1) for j in range(19)) for i in range(19)]
    for folder in folders:
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(out, folder, part), exist_ok=True)
    for number in range(1, count + 1):
        when = BEGIN + r.randrange(SPAN)
        content = generator.message(number, when)
        (folder,) = r.choices(folders, weights[:folder_count])
        (flags,) = r.choices(list(FLAGS), list(FLAGS.values()))
        recent = not flags and r.random() < 0.3
        name = "%d.M%dP1.corpus" % (when, number)
        path = os.path.join(out, folder, "new/" + name if recent else "cur/%s:2,%s" % (name, flags))
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (when, when))
        total += len(content)
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--folders", type=int, choices=(1, 20), default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    total = write(options.out, options.n, options.small, options.folders, options.seed)
    print("%d messages, %d bytes, mean %d" % (options.n, total, total // options.n))


if __name__ == "__main__":
    main()
