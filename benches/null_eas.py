#!/usr/bin/env python3
"""A client of ActiveSync that wants nothing: it makes the requests of a first `mailx fetch`, one after another on one connection, and throws the
answers away, but for the keys and ids that the next request needs.  Prints the seconds that took: null_eas.py PORT CA USER DEVICE

It is the measure of what the server needs (eas.py).  WBXML's tokens are those of src/wire/wbxml/codepages.tsv.
"""
import base64
import gzip
import http.client
import os
import ssl
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE, WINDOW, BATCH, BATCH_OCTETS = 512, 25, 100, 16 << 20
MAIL = {"1", "2", "3", "4", "5", "6", "12"}  # types of folders


def tables():
    tags, names = {}, {}
    with open(os.path.join(os.path.dirname(HERE), "src", "wire", "wbxml", "codepages.tsv")) as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if len(fields) > 3 and fields[0].isdigit():
                page, token = int(fields[0]), int(fields[2], 16)
                tags.setdefault("%s:%s" % (fields[1], fields[3]), (page, token))
                names.setdefault((page, token), fields[3])
    return tags, names


TAGS, NAMES = tables()


def encode(tree):
    """(tag, text or children) as octets; tags are `Page:Name`."""
    octets, page = bytearray(b"\x03\x01\x6a\x00"), 0

    def put(node):
        nonlocal page
        tag, inner = node
        at, token = TAGS[tag]
        if at != page:
            octets.extend((0, at))
            page = at
        if inner is None:
            octets.append(token)
            return
        octets.append(token | 0x40)
        if isinstance(inner, str):
            octets.extend(b"\x03" + inner.encode() + b"\x00")
        else:
            for child in inner:
                put(child)
        octets.append(1)

    put(tree)
    return bytes(octets)


def elements(octets):
    """(depth, name, text) of each element at its end, in order; enough for small answers and listings."""
    at, page, open_ = 4, 0, []
    while at < len(octets):
        token = octets[at]
        at += 1
        if token == 0:
            page = octets[at]
            at += 1
        elif token == 1:
            name, text = open_.pop()
            yield len(open_), name, text
        elif token in (3, 0xC3):
            if token == 3:
                end = octets.index(0, at)
                text, at = octets[at:end], end + 1
            else:
                length = 0
                while True:
                    length = length << 7 | octets[at] & 0x7F
                    at += 1
                    if octets[at - 1] < 0x80:
                        break
                text, at = octets[at : at + length], at + length
            open_[-1][1] = text.decode("utf-8", "replace")
        else:
            name = NAMES.get((page, token & 0x3F), "?")
            if token & 0x40:
                open_.append([name, ""])
            else:
                yield len(open_), name, ""


class Client:
    def __init__(self, port, ca, user, device):
        self.user, self.device = user, device
        tls = ssl.create_default_context(cafile=ca)
        self.line = http.client.HTTPSConnection("localhost", port, context=tls, timeout=300)
        self.headers = {"Authorization": "Basic " + base64.b64encode(("%s:pass" % user).encode()).decode(), "User-Agent": "null", "Accept-Encoding": "gzip"}

    def ask(self, command, tree=None, throw_away=False, **headers):
        path, more, body = "/Microsoft-Server-ActiveSync", dict(self.headers), None
        if tree is not None:
            path += "?Cmd=%s&User=%s&DeviceId=%s&DeviceType=null" % (command, self.user, self.device)
            body = encode(tree)
            more.update({"MS-ASProtocolVersion": "14.1", "Content-Type": "application/vnd.ms-sync.wbxml"}, **headers)
        self.line.request("OPTIONS" if tree is None else "POST", path, body, more)
        answer = self.line.getresponse()
        if answer.status != 200:
            sys.exit("null_eas.py: %s: HTTP %d" % (command, answer.status))
        if throw_away:
            piece = bytearray(1 << 20)
            while answer.readinto(piece):
                pass
            return b""
        octets = answer.read()
        if answer.getheader("Content-Encoding") == "gzip":
            octets = gzip.decompress(octets)
        return octets


def options():
    A, B = "AirSync:", "AirSyncBase:"
    preference = [(B + "Type", "4"), (B + "TruncationSize", "0")]
    return [(A + "FilterType", "0"), (B + "BodyPreference", preference), (A + "Conflict", "1"), (A + "MIMESupport", "2"), (A + "MIMETruncation", "0")]


def collection(folder, key, window=None):
    A = "AirSync:"
    inner = [(A + "SyncKey", key), (A + "CollectionId", folder)]
    if window:
        inner += [(A + "DeletesAsMoves", "0"), (A + "GetChanges", "1"), (A + "WindowSize", str(window)), (A + "Options", options())]
    return (A + "Collection", inner)


def sync(client, collections):
    """Folder → (key, more, [(id, octets)])."""
    octets = client.ask("Sync", ("AirSync:Sync", [("AirSync:Collections", collections)]))
    found, key, folder, more, ids, one = {}, "", "", False, [], ["", 0]
    for _, name, text in elements(octets) if octets else ():
        if name == "SyncKey":
            key = text
        elif name == "CollectionId":
            folder = text
        elif name == "ServerId":
            one[0] = text
        elif name == "EstimatedDataSize" and text.isdigit():
            one[1] = int(text)
        elif name == "Add":
            ids.append(tuple(one))
            one = ["", 0]
        elif name == "MoreAvailable":
            more = True
        elif name == "Collection":
            found[folder] = (key, more, ids)
            more, ids = False, []
    return found


def estimate(client, keys):
    G = "GetItemEstimate:"
    one = lambda folder: (G + "Collection", [("AirSync:SyncKey", keys[folder]), (G + "CollectionId", folder), ("AirSync:Options", [("AirSync:FilterType", "0")])])
    client.ask("GetItemEstimate", (G + "GetItemEstimate", [(G + "Collections", [one(folder) for folder in keys])]))


def folders(client):
    F, key, found = "FolderHierarchy:", "0", []
    while True:
        octets = client.ask("FolderSync", (F + "FolderSync", [(F + "SyncKey", key)]))
        said = [(name, text) for _, name, text in elements(octets)]
        key = next(text for name, text in said if name == "SyncKey")
        news = [text for name, text in said if name == "ServerId"]
        kinds = [text for name, text in said if name == "Type"]
        if not news:
            return found
        found += [folder for folder, kind in zip(news, kinds) if kind in MAIL]


def batches(messages):
    batch, octets = [], 0
    for message, size in messages:
        if batch and (len(batch) == BATCH or octets + size > BATCH_OCTETS):
            yield batch
            batch, octets = [], 0
        batch.append(message)
        octets += size
    if batch:
        yield batch


def fetch(client, folder, messages):
    I, A = "ItemOperations:", "AirSync:"
    wanted = [
        (I + "Fetch", [(I + "Store", "Mailbox"), (A + "CollectionId", folder), (A + "ServerId", message),
                       (I + "Options", [(A + "MIMESupport", "2"), ("AirSyncBase:BodyPreference", [("AirSyncBase:Type", "4")])])])
        for message in messages
    ]
    client.ask("ItemOperations", (I + "ItemOperations", wanted), throw_away=True, **{"MS-ASAcceptMultiPart": "T"})


def main():
    port, ca, user, device = sys.argv[1:]
    client = Client(int(port), ca, user, device)
    begun = time.monotonic()
    client.ask("OPTIONS")
    P = "Provision:"
    S = "Settings:"
    about = (S + "DeviceInformation", [(S + "Set", [(S + "Model", "null")])])
    policy = (P + "Policies", [(P + "Policy", [(P + "PolicyType", "MS-EAS-Provisioning-WBXML")])])
    client.ask("Provision", (P + "Provision", [about, policy]), **{"X-MS-PolicyKey": "0"})
    keys = {folder: "0" for folder in folders(client)}
    messages = {folder: [] for folder in keys}
    for folder, (key, _, _) in sync(client, [collection(folder, "0") for folder in keys]).items():
        keys[folder] = key
    open_, counted = list(keys), set()
    while open_:
        window = max(PAGE // len(open_), WINDOW)
        said = sync(client, [collection(folder, keys[folder], window) for folder in open_])
        doubtful, next_ = [], []
        for folder in open_:
            key, more, ids = said.get(folder, (keys[folder], False, []))
            keys[folder] = key
            messages[folder] += ids
            if not ids and not messages[folder] and folder not in counted:
                doubtful.append(folder)
            if more or folder in doubtful:
                next_.append(folder)
        if doubtful:
            counted.update(doubtful)
            estimate(client, {folder: keys[folder] for folder in doubtful})
        open_ = next_
    for folder, ids in messages.items():
        for batch in batches(ids):
            fetch(client, folder, batch)
    print("%.6f" % (time.monotonic() - begun))


if __name__ == "__main__":
    main()
