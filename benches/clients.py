"""The clients: each writes its configuration below a directory and returns the command of a run; mail goes to <directory>/mail.

Kinds of runs: first, noop and far are `mailx fetch` and what is the same job elsewhere; sync-first (all the mail), sync-noop, delta
and upload are `mailx sync`.  pop-first, pop-noop and pop-far are `mailx fetch` over POP3: a full copy, nothing new, a full copy from
far away; the mail stays on the server.
"""
import dataclasses
import os
import subprocess

POP3 = ("pop-first", "pop-noop", "pop-far")
ONE_WAY = ("first", "noop", "far", *POP3)


@dataclasses.dataclass
class Place:
    """Where a client runs, and what it talks to."""

    directory: str
    account: str
    port: int
    ca: str
    programs: dict

    def environment(self):
        xdg = {"XDG_%s_HOME" % name: "%s/%s" % (self.directory, name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
        return dict(os.environ, HOME=self.directory, FETCHMAILHOME=self.directory, **xdg)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def floor(place, kind):
    mail = place.directory + "/mail"
    how = {
        "first": ["-y", "batch", "-o", mail],
        "sync-first": ["-y", "batch", "-o", mail],
        "delta": ["-d", "-y", "batch", "-o", mail],
        "upload": ["-u", mail + "/INBOX"],
        "pop-first": ["-p", "-y", "batch", "-o", mail],
        "pop-far": ["-p", "-y", "batch", "-o", mail],
        "pop-noop": ["-p", "-n"],
    }.get(kind, ["-n"])
    return [place.programs["floor"], "-s", *how, str(place.port), place.account]


def mbsync(place, kind, more=""):
    """Pull is what `mailx fetch` does: what is here is not carried to the server."""
    directory = place.directory
    os.makedirs(directory + "/mail", exist_ok=True)
    rules = "Sync Pull\nCreate Near" if kind in ONE_WAY else "Sync All\nCreate Both\nExpunge Both"
    write(
        directory + "/mbsyncrc",
        f"""IMAPAccount a
Host localhost
Port {place.port}
User {place.account}
Pass pass
SSLType IMAPS
CertificateFile {place.ca}
AuthMechs LOGIN
{more}

IMAPStore there
Account a

MaildirStore here
Path {directory}/mail/
Inbox {directory}/mail/INBOX
SubFolders Verbatim

Channel c
Far :there:
Near :here:
Patterns *
{rules}
SyncState *
""",
    )
    return ["mbsync", "-q", "-c", directory + "/mbsyncrc", "c"]


def mbsync_plain(place, kind):
    return mbsync(place, kind, more="DisableExtension COMPRESS=DEFLATE")


def mailx(place, kind):
    directory = place.directory
    write(directory + "/secret", "pass\n")
    write(
        directory + "/config.toml",
        f"""[accounts.bench]
receive = "{'pop3s' if kind in POP3 else 'imaps'}://{place.account}@localhost:{place.port}"
maildir = "{directory}/mail"
folders = ["*"]
password = {{ file = "{directory}/secret" }}
tls = {{ ca = "{place.ca}" }}
{'sasl = "PLAIN"' if kind in POP3 else ''}
""",
    )
    return [place.programs["mailx"], "--config", directory + "/config.toml", "fetch" if kind in ONE_WAY else "sync"]


def maildir(directory):
    for part in ("cur", "new", "tmp"):
        os.makedirs("%s/mail/%s" % (directory, part), exist_ok=True)


def mpop(place, _):
    directory = place.directory
    maildir(directory)
    write(
        directory + "/mpoprc",
        f"""account a
host localhost
port {place.port}
user {place.account}
password pass
auth user
tls on
tls_starttls off
tls_trust_file {place.ca}
delivery maildir {directory}/mail
keep on
received_header off
uidls_file {directory}/uidls
""",
    )
    return ["mpop", "-C", directory + "/mpoprc", "-Q", "a"]


def getmail(place, _):
    directory = place.directory
    maildir(directory)
    write(
        directory + "/getmailrc",
        f"""[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {place.port}
username = {place.account}
password = pass
ca_certs = {place.ca}
[destination]
type = Maildir
path = {directory}/mail/
[options]
read_all = false
delete = false
delivered_to = false
received = false
verbose = 0
""",
    )
    command = ["getmail", "--getmaildir", directory, "--rcfile", directory + "/getmailrc"]
    if os.geteuid() != 0:
        return command
    # It delivers to no Maildir as root.
    subprocess.run(["chown", "-R", "mail:", directory], check=True)
    return ["setpriv", "--reuid=mail", "--regid=mail", "--clear-groups", *command]


def fetchmail(place, _):
    """It knows no Maildir: into one file."""
    directory = place.directory
    os.makedirs(directory + "/mail", exist_ok=True)
    write(
        directory + "/fetchmailrc",
        f"""set no syslog
set no bouncemail
poll localhost protocol pop3 port {place.port} uidl
 username "{place.account}" password "pass" ssl sslcertck sslcertfile "{place.ca}" keep bsmtp "{directory}/mail/bsmtp"
""",
    )
    return ["fetchmail", "--silent", "-f", directory + "/fetchmailrc"]


CLIENTS = {"floor": floor, "mbsync": mbsync, "mbsync without COMPRESS": mbsync_plain, "mailx": mailx}
POP3_CLIENTS = {"floor": floor, "mpop": mpop, "getmail": getmail, "fetchmail": fetchmail, "mailx": mailx}
POP3_PACKAGES = ("mpop", "getmail6", "fetchmail")


def who(kind, messages):
    """The clients of a kind of runs, by name.  getmail takes minutes for 10,000 messages."""
    if kind not in POP3:
        return CLIENTS
    return {name: client for name, client in POP3_CLIENTS.items() if name != "getmail" or messages < 10_000}


def is_done(name, kind, code):
    """Whether an exit code is one of success: fetchmail ends with 1 where there was nothing new."""
    return code == 0 or (name == "fetchmail" and kind == "pop-noop" and code == 1)


def peer(kind):
    """The client that the goals name."""
    return "mpop" if kind in POP3 else "mbsync"


def command(name, place, kind):
    return (POP3_CLIENTS if kind in POP3 else CLIENTS)[name](place, kind)
