#!/usr/bin/env python3
"""Writes mail as it is found in old mailboxes, one oddity a file: nasty.py OUT [--big BYTES]

The names sort in the order made.  Files end in .eml; those whose line ends or bytes an IMAP server may change in APPEND end
in .raw.eml (bare CR or LF, NUL, nothing at all): seed.py --raw puts them behind its back.  All others come back from
Dovecot byte for byte.  --big is the size of the one large attachment (default 50 MB; 0: none).
"""
import argparse
import base64
import os
import random

HEAD = b"From: Old Mailer <old@example.org>\r\nTo: me@example.org\r\nDate: Tue, 2 Jan 2024 10:00:00 +0000\r\n"


def head(subject, *more):
    return HEAD + b"Subject: " + subject + b"\r\nMessage-ID: <" + subject.split()[0].lower() + b"@nasty.example>\r\n" + b"".join(m + b"\r\n" for m in more)


def nested(depth):
    """multipart in multipart, depth times; the innermost holds a text."""
    body = b"Content-Type: text/plain\r\n\r\nat the bottom\r\n"
    for level in range(depth):
        mark = b"b%d" % level
        body = b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n--%s\r\n%s\r\n--%s--\r\n' % (mark, mark, body, mark)
    return head(b"Nested %d levels" % depth, b"MIME-Version: 1.0") + body


def big(size):
    """One attachment that makes a message of about size bytes, none of which compress."""
    lines = base64.encodebytes(random.Random(50).randbytes(57 * 20000)).replace(b"\n", b"\r\n")
    body = lines * (size // len(lines)) + lines[: size % len(lines) // 78 * 78]
    return (
        head(b"Large attachment", b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="big"')
        + b'\r\n--big\r\nContent-Type: application/octet-stream; name="disk.img"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + body
        + b"--big--\r\n"
    )


def messages():
    """Pairs of name and bytes."""
    yield "8bit-without-charset", head(b"Eight bits") + b"\r\ncaf\xe9 \xdf \xff \x80\r\n"
    yield "latin1-headers", head(b"Gr\xfc\xdfe aus K\xf6ln", b"From: J\xfcrgen <j@example.org>", b"X-Odd: \xa0\xff") + b"\r\nhello\r\n"
    yield "utf8-headers", head("Zażółć gęślą jaźń 会議 🙂".encode()) + b"\r\nhello\r\n"
    yield "bad-encoded-word", head(b"=?utf-8?B?not base64!?= =?nonsense?Q?=ZZ?= =?utf-8?Q?open") + b"\r\nhello\r\n"
    yield "huge-headers", head(b"Huge headers", *(b"X-Trace-%04d: %s" % (i, b"v" * 85) for i in range(2000))) + b"\r\nhello\r\n"
    yield "one-huge-header", head(b"One header", b"References: " + b"\r\n ".join(b"<%d@nasty.example>" % i for i in range(9000))) + b"\r\nhello\r\n"
    yield "empty-body", head(b"Empty body") + b"\r\n"
    yield "no-headers", b"\r\nOnly a body, no header at all.\r\n"
    yield "headers-only-no-blank-line", head(b"Headers and no blank line")
    yield "body-without-blank-line", head(b"No blank line") + b"this is no header\r\nnor this\r\n"
    yield "header-without-colon", b"Received by nobody\r\n" + head(b"Colon missing") + b"\r\nhello\r\n"
    yield "one-line", b"x\r\n"
    yield "long-lines", head(b"Long lines") + b"\r\n" + b"a" * 50_000 + b"\r\n" + b"<p>" * 40_000 + b"\r\nshort\r\n"
    yield "no-final-newline", head(b"Final newline missing") + b"\r\nends here"
    yield "dots", head(b"Dots") + b"\r\n.\r\n..\r\n. x\r\n.\r\n\r\n.\r\n"
    yield "from-lines", head(b"From lines") + b"\r\nFrom me to you\r\n>From there\r\nFrom old@example.org Tue Jan  2 10:00:00 2024\r\n"
    yield "mbox-from-first", b">From old@example.org Tue Jan  2 10:00:00 2024\r\n" + head(b"Envelope line first") + b"\r\nhello\r\n"
    yield "control-characters", head(b"Control \x1b[31mred\x1b[0m \x07 \x08\x7f", b"X-Title: \x1b]0;owned\x07") + b"\r\n\x01\x02\x1b[2J\x0c\x1a\r\n"
    yield "imap-lookalike", head(b"Looks like IMAP") + b"\r\n)\r\n* 1 FETCH (UID 1 BODY[] {5}\r\na OK done\r\n* BYE\r\n{10}\r\n"
    yield "nested-100", nested(100)
    yield "boundary-never-closed", head(b"Open boundary", b'Content-Type: multipart/mixed; boundary="x"') + b"\r\n--x\r\n\r\ntext\r\n--x\r\n"
    yield "doubled-1", head(b"Doubled") + b"\r\nthe same twice\r\n"
    yield "doubled-2", head(b"Doubled") + b"\r\nthe same twice\r\n"
    yield "same-message-id", head(b"Doubled but different") + b"\r\nother body\r\n"
    yield "trailing-blank-lines", head(b"Blank lines at the end") + b"\r\ntext\r\n" + b"\r\n" * 500
    yield "only-cr-in-body.raw", head(b"Bare CR") + b"\r\nold mac\rline ends\r\r\r\nand \r in the middle\r\n"
    yield "bare-lf-in-crlf.raw", head(b"Bare LF") + b"\r\none\r\ntwo\nthree\r\n\nfour\n"
    yield "lf-only.raw", (head(b"Unix line ends") + b"\r\none\r\ntwo\r\n").replace(b"\r\n", b"\n")
    yield "nul.raw", head(b"Nul bytes") + b"\r\na\0b\0\0c\r\n"
    yield "nothing.raw", b""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--big", type=int, default=50_000_000)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    made = list(messages()) + ([("large-attachment", big(options.big))] if options.big else [])
    for number, (name, content) in enumerate(made):
        with open(os.path.join(options.out, "%02d-%s.eml" % (number, name)), "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main()
