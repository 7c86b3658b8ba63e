#!/usr/bin/env python3
"""Prints the JSON summary of a fetch for people, and checks it: summary.py FILE [--downloaded N]"""
import argparse
import json
import sys

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("file")
parser.add_argument("--downloaded", type=int)
options = parser.parse_args()

with open(options.file) as file:
    summary = json.load(file)
total = 0
for account in summary["accounts"]:
    print("{name}: {protocol}, ok {ok}, {duration_ms} ms, {bytes_in} bytes in, {round_trips} round trips".format(**account))
    for folder in account["folders"]:
        total += folder["downloaded"]
        if folder["downloaded"]:
            print("  {name}: {downloaded} downloaded".format(**folder))
    if not account["ok"]:
        sys.exit("summary: account %s failed: %s" % (account["name"], account.get("error")))
if options.downloaded not in (None, total):
    sys.exit("summary: %d messages downloaded, not %d" % (total, options.downloaded))
