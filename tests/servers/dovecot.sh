#!/bin/bash
# A private Dovecot 2.3 for tests, demo and benches: everything below one directory, on free ports, as root or not.
#
#   dovecot.sh start   DIR              start it, write DIR/env (idempotent)
#   dovecot.sh stop    DIR              stop it; the mail stays, and the next start takes the same ports again
#   dovecot.sh restart DIR              with the options of this call
#   dovecot.sh adm     DIR ARG...       doveadm with this server's configuration
#   dovecot.sh load    DIR USER MAILDIR replace USER's mail by a Maildir tree in the fs layout (flags and dates kept)
#   dovecot.sh token   DIR USER [SECS]  an access token for OAUTHBEARER and XOAUTH2, good for SECS (3600; negative: expired)
#   dovecot.sh cpu     DIR              CPU seconds that the whole server has used so far
#
# DIR/env holds KEY=VALUE lines: HOST IMAP_PORT IMAPS_PORT POP3_PORT POP3S_PORT LMTP_PORT CA PASSWORD MAIL LOG CONF, the addresses
# where the same ports show a bad certificate (EXPIRED_HOST SELFSIGNED_HOST WRONGNAME_HOST), and with SUBMISSION=1 also
# SUBMISSION_PORT SUBMISSIONS_PORT SINK_PORT OUTGOING.  Every user name without "wrong" in it exists, with the password "pass" and
# its mail in DIR/mail/<user>:
#
#   md-*       Maildir (LF in the files) instead of MAIL_LOCATION
#   quota-*    a quota of 1 GB
#   tiny-*    a quota of 10 MB
#
# Options, by environment:
#   MAIL_LOCATION    mdbox:~/mdbox; also sdbox:~/sdbox, maildir:~/Maildir
#   IMAP_CAPABILITY  what IMAP announces after login, instead of everything ("IMAP4rev1 LITERAL+ UIDPLUS")
#   AUTH_MECHANISMS  plain login scram-sha-1 scram-sha-256 oauthbearer xoauth2
#   MAIL_PLUGINS     "zlib quota": COMPRESS=DEFLATE and QUOTA; "" is a server without them
#   SPECIAL_USE      create: Drafts, Sent, Trash and Junk exist; no: they have their role once somebody makes them
#   DISABLE_TLS      1: neither STARTTLS nor the imaps and pop3s ports
#   SUBMISSION       1: submission ports too; what they take ends in DIR/outgoing (smtp_sink.py)
#   EXTRA_CONF       lines for the end of the configuration
set -euo pipefail

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
  exit 64
}

die() {
  echo "dovecot.sh: $*" >&2
  exit 1
}

[ $# -ge 2 ] || usage
command=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd -P)
here=$(cd "$(dirname "$0")" && pwd -P)
shift 2
conf=$dir/dovecot.conf
# shellcheck source=daemons.sh
. "$here/daemons.sh"

# ---------------------------------------------------------------------------------------------------- the process

# The greeting comes when the login process has found the authentication process, some time after the port is open.
answers() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1" && read -r -t 5 -u 3) 2>/dev/null
}

# One attempt.
launch() {
  write_conf
  if [ "${SUBMISSION:-0}" = 1 ]; then spawn sink python3 "$here/smtp_sink.py" "$sink_port" "$dir/outgoing"; fi
  spawn server dovecot -F -c "$conf"
  for _ in $(seq 500); do
    running server >/dev/null || return 1
    if answers "$imap_port" && answers "$pop3_port"; then
      [ "${SUBMISSION:-0}" != 1 ] || { answers "$sink_port" && answers "$submission_port"; } && return 0
      running sink >/dev/null || return 1
    fi
    sleep 0.02
  done
  return 1
}

start_server() {
  if running server >/dev/null; then return; fi
  prepare
  for _ in 1 2 3 4 5; do
    # The ports of the last run, if this is not the first; somebody may have taken one in between.
    if [ "$(wc -w 2>/dev/null <"$dir/ports")" != 8 ]; then free_ports 8 >"$dir/ports"; fi
    read -r imap_port imaps_port pop3_port pop3s_port lmtp_port submission_port submissions_port sink_port <"$dir/ports"
    if launch; then
      write_env
      return
    fi
    stop_server
    if ! tail -n 5 "$dir/log/stdio.log" "$dir/log/error.log" 2>/dev/null | grep -q 'Address already in use'; then break; fi
    rm "$dir/ports"
  done
  tail -n 5 "$dir/log/stdio.log" "$dir/log/error.log" >&2 || true
  die "the server did not start; see $dir/log"
}

stop_server() {
  finish server
  finish sink
}

# ---------------------------------------------------------------------------------------------------- its directory

prepare() {
  [ ${#dir} -le 75 ] || die "$dir: at most 75 characters, or socket paths overflow"
  mkdir -p "$dir"/{run,state,log,mail,outgoing,tls,keys/default/HS256}
  if [ "$(id -u)" = 0 ]; then
    # Dovecot never opens mail as root.
    mail_user=mail
    chmod a+x "$dir"
    chown "$mail_user:" "$dir/mail"
    setpriv --reuid="$mail_user" --regid="$mail_user" --clear-groups test -w "$dir/mail" ||
      die "$dir: user $mail_user cannot get there; every directory above needs o+x"
  else
    mail_user=$(id -un)
  fi
  mail_group=$(id -gn "$mail_user")
  [ -s "$dir/tls/wrongname.pem" ] || make_certificates
  # "localtest" in base64: the key that signs access tokens
  printf 'bG9jYWx0ZXN0' >"$dir/keys/default/HS256/default"
}

# make_certificate NAME CA SAN DAYS: NAME.key and NAME.pem
make_certificate() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  printf '%s\n' "subjectAltName=$3" 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' \
    'extendedKeyUsage=serverAuth' >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days "$4" -extfile "$1.ext" -out "$1.pem" 2>/dev/null
  rm "$1.csr" "$1.ext"
}

# make_ca NAME
make_ca() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
  openssl req -x509 -new -key "$1.key" -subj "/CN=mailx test $1" -days 3650 -out "$1.pem" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
}

make_certificates() (
  cd "$dir/tls"
  make_ca ca
  make_ca stranger
  make_certificate server ca DNS:localhost,IP:127.0.0.1,IP:::1 3650
  make_certificate expired ca DNS:localhost,IP:127.0.0.2 -1
  make_certificate selfsigned stranger DNS:localhost,IP:127.0.0.3 3650
  make_certificate wrongname ca DNS:elsewhere.example 3650
  chmod 600 ./*.key
  cp ca.pem "$dir/ca.pem"
)

write_env() {
  cat >"$dir/env" <<ENV
HOST=localhost
IMAP_PORT=$imap_port
IMAPS_PORT=$imaps_port
POP3_PORT=$pop3_port
POP3S_PORT=$pop3s_port
LMTP_PORT=$lmtp_port
CA=$dir/ca.pem
PASSWORD=pass
MAIL=$dir/mail
LOG=$dir/log/info.log
CONF=$conf
EXPIRED_HOST=127.0.0.2
SELFSIGNED_HOST=127.0.0.3
WRONGNAME_HOST=127.0.0.4
ENV
  if [ "${SUBMISSION:-0}" = 1 ]; then
    cat >>"$dir/env" <<ENV
SUBMISSION_PORT=$submission_port
SUBMISSIONS_PORT=$submissions_port
SINK_PORT=$sink_port
OUTGOING=$dir/outgoing
ENV
  fi
}

# A listener block, or nothing for the TLS ones when TLS is off.
tls_listener() {
  if [ "${DISABLE_TLS:-0}" = 1 ]; then printf '  inet_listener %s {\n    port = 0\n  }\n' "$1"; else
    printf '  inet_listener %s {\n    port = %s\n    ssl = yes\n  }\n' "$1" "$2"
  fi
}

# local_certificate ADDRESS NAME: another certificate on one of the loopback addresses
local_certificate() {
  printf 'local %s {\n  ssl_cert = <%s\n  ssl_key = <%s\n}\n' "$1" "$dir/tls/$2.pem" "$dir/tls/$2.key"
}

# special_use NAME: a mailbox block
special_use() {
  local auto=create
  [ "${SPECIAL_USE:-create}" = create ] || auto=no
  printf '  mailbox %s {\n    special_use = \\%s\n    auto = %s\n  }\n' "$1" "$1" "$auto"
}

# plugins PREFIX: "zlib quota" as imap_zlib imap_quota
plugins() {
  local name
  for name in ${MAIL_PLUGINS-zlib quota}; do printf '%s%s ' "$1" "$name"; done
}

submission_conf() {
  cat <<CONF
hostname = localhost
submission_relay_host = 127.0.0.1
submission_relay_port = $sink_port
submission_relay_trusted = yes
service submission-login {
  chroot =
  service_count = 0
  process_min_avail = 1
  process_limit = 2
  inet_listener submission {
    port = $submission_port
  }
$(tls_listener submissions "$submissions_port")
}
CONF
}

write_conf() {
  local location=${MAIL_LOCATION:-'mdbox:~/mdbox'} mechanisms=${AUTH_MECHANISMS:-plain login scram-sha-1 scram-sha-256 oauthbearer xoauth2} listen='127.0.0.1 127.0.0.2 127.0.0.3 127.0.0.4'
  if grep -q '^0*1 ' /proc/net/if_inet6 2>/dev/null; then listen="$listen ::1"; fi
  cat >"$dir/oauth2.conf" <<OAUTH
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$dir/keys/
username_attribute = sub
OAUTH
  cat >"$conf" <<CONF
# Written by dovecot.sh
base_dir = $dir/run
state_dir = $dir/state
instance_name = mailx-test-$imap_port
listen = $listen
protocols = imap pop3 lmtp$([ "${SUBMISSION:-0}" != 1 ] || echo ' submission')
log_path = $dir/log/error.log
info_log_path = $dir/log/info.log
debug_log_path = $dir/log/debug.log
imap_logout_format = in=%i out=%o
pop3_logout_format = in=%i out=%o top=%t/%p retr=%r/%b del=%d/%m size=%s

# No limit and no delay that a test could run into
default_process_limit = 2000
default_client_limit = 4000
default_vsz_limit = 2G
mail_max_userip_connections = 0
auth_failure_delay = 0
imap_max_line_length = 2M
imap_idle_notify_interval = 29 mins
shutdown_clients = yes

disable_plaintext_auth = no
auth_mechanisms = $mechanisms
passdb {
  driver = static
  args = nodelay=yes password=%{if;%u;*;*wrong*;nobody-knows;pass}
}
userdb {
  driver = static
  args = uid=$mail_user gid=$mail_group home=$dir/mail/%u mail_save_crlf=%{if;%u;*;md-*;no;yes} allow_all_users=yes
}
first_valid_uid = 1
first_valid_gid = 1

# Cheap for the server: many messages in one file, no conversion when they are sent, no sync, indexes beside the mail.
mail_location = %{if;%u;*;md-*;maildir\:~/Maildir;${location//:/\\:}}
mail_save_crlf = yes
mail_fsync = never
mdbox_rotate_size = 64M
mailbox_list_index = yes
mail_plugins = ${MAIL_PLUGINS-zlib quota}
namespace inbox {
  inbox = yes
  separator = /
$(for name in Drafts Sent Trash Junk; do special_use $name; done)
}

ssl = $([ "${DISABLE_TLS:-0}" = 1 ] && echo no || echo yes)
ssl_cert = <$dir/tls/server.pem
ssl_key = <$dir/tls/server.key
ssl_min_protocol = TLSv1.2
$(local_certificate 127.0.0.2 expired)
$(local_certificate 127.0.0.3 selfsigned)
$(local_certificate 127.0.0.4 wrongname)

# One login process serves all connections; processes wait for the next one instead of being started for it.
service imap-login {
  chroot =
  service_count = 0
  process_min_avail = 1
  process_limit = 2
  inet_listener imap {
    port = $imap_port
  }
$(tls_listener imaps "$imaps_port")
}
service pop3-login {
  chroot =
  service_count = 0
  process_min_avail = 1
  process_limit = 2
  inet_listener pop3 {
    port = $pop3_port
  }
$(tls_listener pop3s "$pop3s_port")
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = $lmtp_port
  }
}
service imap {
  process_min_avail = 2
}
service pop3 {
  process_min_avail = 1
}
service anvil {
  chroot =
  client_limit = 20000
  # no growing delay after failed logins
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  client_limit = 20000
}
service stats {
  chroot =
  client_limit = 20000
}
protocol imap {
  mail_plugins = ${MAIL_PLUGINS-zlib quota} $(plugins imap_)
}
protocol pop3 {
  pop3_no_flag_updates = yes
}
CONF
  {
    if [ "${SUBMISSION:-0}" = 1 ]; then submission_conf; fi
    if [ -n "${IMAP_CAPABILITY:-}" ]; then echo "imap_capability = $IMAP_CAPABILITY"; fi
    case " ${MAIL_PLUGINS-zlib quota} " in *' quota '*)
      printf 'plugin {\n  quota = count:User quota\n  quota_vsizes = yes\n'
      printf '  quota_rule = %%{if;%%u;*;quota-*;*\\:storage=1G;*\\:storage=0}\n'
      printf '  quota_rule2 = %%{if;%%u;*;tiny-*;*\\:storage=10M;Nowhere\\:ignore}\n}\n' ;;
    esac
    case " $mechanisms " in *oauth*)
      printf 'passdb {\n  driver = oauth2\n  mechanisms = oauthbearer xoauth2\n  args = %s\n}\n' "$dir/oauth2.conf" ;;
    esac
    if [ "$(id -u)" != 0 ]; then
      printf 'default_internal_user = %s\ndefault_internal_group = %s\ndefault_login_user = %s\n' "$mail_user" "$mail_group" "$mail_user"
    fi
    printf '%s\n' "${EXTRA_CONF:-}"
  } >>"$conf"
}

# ---------------------------------------------------------------------------------------------------- other commands

load_mail() {
  local user=$1 source control location
  source=$(cd "$2" && pwd -P)
  control=$(mktemp -d "$dir/load.XXXXXX")
  rm -rf "$dir/mail/${user:?}"
  if [ "$(id -u)" = 0 ]; then chown -R mail: "$control" "$source"; fi # the import moves mail from new/ to cur/
  location="maildir:$source:LAYOUT=fs:INBOX=$source/INBOX:CONTROL=$control:INDEX=MEMORY"
  doveadm -c "$conf" import -u "$user" "$location" "" ALL
  # Fill the server's caches, so that the first client to come is not the one that waits for them.
  doveadm -c "$conf" fetch -u "$user" 'uid size.virtual date.received guid' mailbox '*' ALL >/dev/null
  doveadm -c "$conf" mailbox status -u "$user" messages '*' | awk -F= '{ n += $NF } END { print n }'
  rm -rf "$control"
}

token() {
  python3 - "$@" <<'PY'
import base64, hashlib, hmac, json, sys, time
b64 = lambda b: base64.urlsafe_b64encode(b).rstrip(b"=")
now, life = int(time.time()), int(sys.argv[2]) if len(sys.argv) > 2 else 3600
claims = {"sub": sys.argv[1], "iat": now - 86400, "exp": now + life}
text = b64(b'{"alg":"HS256","typ":"JWT"}') + b"." + b64(json.dumps(claims).encode())
print((text + b"." + b64(hmac.digest(b"localtest", text, hashlib.sha256))).decode())
PY
}

# Of the master and its children; what has ended is in its parent's "children" fields.
cpu() {
  local pid child
  pid=$(running server) || die "not running"
  for child in "$pid" $(cat "/proc/$pid/task/$pid/children"); do sed 's/.*) //' "/proc/$child/stat" 2>/dev/null || true; done |
    awk -v hz="$(getconf CLK_TCK)" '{ s += $12 + $13 + $14 + $15 } END { printf "%.2f\n", s / hz }'
}

case $command in
  start) start_server ;;
  stop) stop_server ;;
  restart)
    stop_server
    start_server
    ;;
  adm) exec doveadm -c "$conf" "$@" ;;
  load) load_mail "$@" ;;
  token) token "$@" ;;
  cpu) cpu ;;
  *) usage ;;
esac
