#!/bin/bash
# Shows mailx against a real server and proves the result: demo/run.sh [MAILX]
#
# Starts a private Dovecot, fills an account with some 330 messages (every oddity of tests/servers/nasty.py, and one of 50 MB),
# fetches them, fetches again, receives new mail, syncs changes of both sides, watches, does the same over POP3 and switches the protocol, sends, and
# compares every message in the Maildir with the server's, byte for byte.
# Everything happens in one temporary directory, which is removed.  Exit code 0 only if all of it worked.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
servers=tests/servers
exec </dev/null

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# show ARG...: the command as a user would type it, and what it says
show() {
  local began
  printf '\n\033[1m$ mailx %s\033[0m\n' "$*"
  began=$(date +%s%N)
  "$mailx" "$@" >"$work/output" 2>&1 || { cat "$work/output" && fail "mailx $1"; }
  printf '(%s ms)\n' $((($(date +%s%N) - began) / 1000000))
  head -n 20 "$work/output"
}

fail() {
  printf '\n\033[1mDEMO FAILED\033[0m: %s\n' "$*"
  exit 1
}
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

$servers/install.sh

if [ $# -gt 0 ]; then mailx=$(realpath "$1"); else
  title "Building the release binary"
  cargo build --release --locked
  mailx=$(realpath "${CARGO_TARGET_DIR:-target}/release/mailx")
fi

watch=
work=$(mktemp -d "${TMPDIR:-/tmp}/mailx-demo.XXXXXX")
trap 'if [ -n "$watch" ]; then kill "$watch" 2>/dev/null || true; fi; $servers/dovecot.sh stop "$work/server"; rm -rf "$work"' EXIT
chmod 755 "$work"

title "Starting a private Dovecot and filling an account"
SUBMISSION=1 $servers/dovecot.sh start "$work/server"
# shellcheck disable=SC1091 # written by dovecot.sh
. "$work/server/env"
user=md-demo
$servers/nasty.py "$work/nasty"
seed() { $servers/seed.py "$work/server" "$user" "$@"; }
seed --create Archive Archive/2024 Entwürfe Lists/dev
seed INBOX --count 120 --seed inbox
seed Archive/2024 --count 100 --seed archive --flags '\Seen'
seed Entwürfe --count 5 --seed drafts --flags '\Seen \Draft'
seed Lists/dev --count 60 --seed lists --flags '\Seen \Answered'
seed Sent --count 10 --seed sent --flags '\Seen'
seed Junk --count 5 --seed junk
for file in "$work"/nasty/*.eml; do
  case $file in
    *nothing.raw.eml) ;; # no server keeps a message of no bytes
    *.raw.eml) seed INBOX --raw "$file" ;;
    *) plain+=("$file") ;;
  esac
done
seed INBOX "${plain[@]}"
$servers/dovecot.sh adm "$work/server" mailbox status -u "$user" 'messages vsize' '*'

export HOME=$work/home MAILX_CONFIG=$work/config.toml
export XDG_CONFIG_HOME=$HOME/.config XDG_DATA_HOME=$HOME/.local/share XDG_STATE_HOME=$HOME/.local/state XDG_CACHE_HOME=$HOME/.cache
mkdir -p "$HOME"
(umask 077 && echo "$PASSWORD" >"$work/secret")
cat >"$MAILX_CONFIG" <<TOML
[accounts.demo]
address  = "$user@localhost"
receive  = "imaps://$user@localhost:$IMAPS_PORT"
send     = "smtps://$user@localhost:$SUBMISSIONS_PORT"
maildir  = "$work/Mail"
folders  = ["*"]
password = { file = "$work/secret" }
tls      = { ca = "$CA" }
TOML
chmod 600 "$MAILX_CONFIG"
title "The configuration"
cat "$MAILX_CONFIG"

title "Is the account in order?"
show account test demo

title "What would a fetch do?"
show fetch --dry-run
[ -z "$(find "$work/Mail" -path '*/cur/*' -type f 2>/dev/null | sed -n 1p)" ] || fail "a dry run stored mail"

title "The first fetch"
show fetch

title "Again: nothing to do"
show fetch

title "New mail arrives"
seed INBOX --count 3 --seed later
seed Lists/dev --count 2 --seed later
printf '\n\033[1m$ mailx fetch --json\033[0m\n'
"$mailx" fetch --json >"$work/summary.json"
demo/summary.py "$work/summary.json" --downloaded 5

title "Two-way: changes on both sides"
show sync
box=$work/Mail
read_one=$(find "$box/INBOX/new" -type f | sort | sed -n 1p)
mv "$read_one" "$box/INBOX/cur/${read_one##*/}:2,FS" # read and flagged, as a mail reader does it
mv "$(find "$box/Lists/dev/cur" -type f | sort | sed -n 1p)" "$box/Archive/2024/cur/"
rm "$(find "$box/Lists/dev/cur" -type f | sort | sed -n 1p)"
(umask 077 && printf 'From: me@example.org\nSubject: a draft from here\n\nWritten offline.\n' >"$box/Drafts/new/1.demo.localhost")
seed INBOX --count 2 --seed both
show sync --dry-run -v
printf '\n\033[1m$ mailx sync --json\033[0m\n'
"$mailx" sync --json >"$work/summary.json"
demo/summary.py "$work/summary.json" --downloaded 2 --uploaded 1 --moved 1 --flags_pushed 1 --deleted_there 1
show sync # brings what went to the trash there
show sync

title "Mail as it arrives"
# await TEXT: until the watch has said it
await() {
  for _ in $(seq 3000); do
    if grep -q "$1" "$work/watch"; then return; fi
    kill -0 "$watch" 2>/dev/null || break
    sleep 0.01
  done
  cat "$work/watch"
  fail "the watch did not say: $1"
}
hook='echo "$MAILX_NEW new in $MAILX_FOLDERS"'
printf "\n\033[1m$ mailx watch demo --exec '%s' &\033[0m\n" "$hook"
"$mailx" watch demo -v --exec "$hook" >"$work/watch" 2>&1 &
watch=$!
await 'watching 1 account'
seed Archive --count 1 --seed pushed
began=$(date +%s%N)
await '^1 new in Archive'
printf '(%s ms after the delivery; half a second of it is the server'"'"'s)\n' $((($(date +%s%N) - began) / 1000000))
kill -TERM "$watch"
wait "$watch" || fail "mailx watch ended with $?"
watch=
grep -v '^demo: ' "$work/watch"
[ "$(find "$box/Archive/new" -type f | wc -l)" = 1 ] || fail "the message is not in the Maildir"

title "The same over POP3"
pop3=md-pop3
$servers/seed.py "$work/server" "$pop3" INBOX --count 40 --seed pop3
cat >>"$MAILX_CONFIG" <<TOML

[accounts.pop3]
receive     = "pop3s://$pop3@localhost:$POP3S_PORT"
maildir     = "$work/Pop3"
password    = { file = "$work/secret" }
tls         = { ca = "$CA" }
TOML
show account test pop3
show fetch pop3
show verify pop3 --all
show sync pop3
demo/check.py "$work/server" "$pop3" "$work/Pop3"

title "Then one line changes, and it is IMAP: nothing is downloaded"
sed -i "s|pop3s://$pop3@localhost:$POP3S_PORT|imaps://$pop3@localhost:$IMAPS_PORT|" "$MAILX_CONFIG"
printf '\n\033[1m$ mailx sync pop3 --json\033[0m\n'
"$mailx" sync pop3 --json >"$work/summary.json"
demo/summary.py "$work/summary.json" --downloaded 0 --uploaded 0 --deleted_here 0 --deleted_there 0

title "Sending: through the outbox, with a copy in Sent, once"
# send TEXT ARG...: with its text on standard input
send() {
  printf '\n\033[1m$ echo %q | mailx%s\033[0m\n' "$1" "$(printf ' %q' "${@:2}")"
  echo "$1" | "$mailx" "${@:2}" || fail "mailx ${*:2}"
}
send 'see attached' send --to boss@example.net --subject 'Größe' --attach README.md
send done -s 'backup ok' ops@example.net
send 'for later' send --queue --to later@example.org --subject queued
show outbox list
arrived=$(find "$OUTGOING" -name '*.json' | wc -l)
[ "$arrived" = 2 ] || fail "$arrived messages arrived, not 2"
grep -l 'boss@example.net' "$OUTGOING"/*.json
id=$("$mailx" outbox list --json | sed 's/.*"id":"\([^"]*\)".*/\1/')
show outbox delete "$id"
show sync

title "Is everything here, and intact?"
show verify demo --all
echo "exit code 0: all of it is here, byte for byte"

title "An overview"
show folders demo
show status

title "Every message, byte for byte"
demo/check.py "$work/server" "$user" "$work/Mail"
printf '\n\033[1mDEMO OK\033[0m\n'
