#!/usr/bin/env python3
"""Prints the JSON summary of a run for people, and checks it: summary.py FILE [--downloaded N] [--uploaded N] …"""
import argparse
import json
import sys

COUNTERS = ["downloaded", "uploaded", "flags_pulled", "flags_pushed", "moved", "deleted_here", "deleted_there"]

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("file")
for counter in COUNTERS:
    parser.add_argument("--" + counter, type=int)
options = vars(parser.parse_args())

with open(options.pop("file")) as file:
    summary = json.load(file)
totals = dict.fromkeys(COUNTERS, 0)
for account in summary["accounts"]:
    print("{name}: {protocol}, ok {ok}, {duration_ms} ms, {bytes_in} bytes in, {round_trips} round trips".format(**account))
    for folder in account["folders"]:
        done = {counter: folder[counter] for counter in COUNTERS if folder[counter]}
        for counter, count in done.items():
            totals[counter] += count
        if done:
            print("  %s: %s" % (folder["name"], ", ".join("%d %s" % (count, counter) for counter, count in done.items())))
    if not account["ok"]:
        sys.exit("summary: account %s failed: %s" % (account["name"], account.get("error")))
for counter, wanted in options.items():
    if wanted not in (None, totals[counter]):
        sys.exit("summary: %d %s, not %d" % (totals[counter], counter, wanted))
