# Settings and functions of the Horde lab. Sourced by its scripts; see README.md for the variables.
# All state lives under $HORDE_EAS_LAB; everything listens on 127.0.0.1 only.
# shellcheck shell=bash
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB=$(realpath -m "${HORDE_EAS_LAB:-/srv/horde-eas-lab}")

BASE=${HORDE_EAS_LAB_PORT:-19000}            # ports are BASE + a fixed offset
P_LIGHTTPD=$((BASE + 80))                    # Horde behind lighttpd
P_APACHE=$((BASE + 81))                      # Horde behind Apache (event MPM)
P_EAS=$((BASE + 82))                         # Horde's own ActiveSync server (Apache)
P_IMAP=$((BASE + 143))
P_IMAPS=$((BASE + 993))
P_LMTP=$((BASE + 24))
P_SIEVE=$((BASE + 190))
P_SMTP=$((BASE + 587))                       # SMTP submission with AUTH
P_SMTPS=$((BASE + 465))

DB=${HORDE_EAS_LAB_DB:-mysql}                # mysql (MariaDB) or sqlite
AUTH=${HORDE_EAS_LAB_AUTH:-imp}              # imp: auth driver "application/imp"; imap: Horde_Auth_Imap + hordeauth
WORKERS=${HORDE_EAS_LAB_WORKERS:-4}          # php-fpm workers of the RPC pool
EAS_WORKERS=${HORDE_EAS_LAB_EAS_WORKERS:-4}  # php-fpm workers of the pool for Horde's own ActiveSync
SHARES=${HORDE_EAS_LAB_SHARES:-true}         # Turba's use_shares
DOMAIN=${HORDE_EAS_LAB_DOMAIN:-example.test}
USERS=${HORDE_EAS_LAB_NAMES:-"alice bob carol dave admin"}
GAL=lab-company-directory                    # shared address book, owned by admin, readable by everybody
WEBUSER=www-data
PHPV=8.2

# What this lab was created with wins over the environment.
# shellcheck disable=SC1091
[ -r "$LAB/settings" ] && . "$LAB/settings"

T0=${T0:-$(date +%s%N)}
export T0
say() { printf '[%5.1f s] lab: %s\n' "$(($(date +%s%N) / 1000000 - T0 / 1000000))e-3" "$*" >&2; }
die() { say "ERROR: $*"; exit 1; }

password_of() { printf '%s-secret' "$1"; }

# First what Horde, its mail and the web servers need, then what the tests need beside them.
PACKAGES="php-horde php-horde-turba php-horde-kronolith php-horde-nag php-horde-mnemo
 php-horde-imp php-horde-ingo php-horde-activesync php-horde-content php-horde-timezone
 php-horde-dav php-horde-db php-net-sieve php$PHPV-fpm php$PHPV-cli php$PHPV-sqlite3 php$PHPV-mysql
 php$PHPV-xml php$PHPV-xmlrpc php$PHPV-mbstring php$PHPV-intl php$PHPV-gd php$PHPV-curl
 dovecot-imapd dovecot-lmtpd dovecot-managesieved dovecot-sieve postfix
 mariadb-server mariadb-client sqlite3 lighttpd lighttpd-mod-openssl apache2 curl openssl python3 tzdata
 libapache2-mod-fcgid libwbxml2-utils libwbxml2-dev gcc pkg-config"
UNITS="apache2 lighttpd mariadb dovecot postfix php$PHPV-fpm"

# Runs the calling script again under a lock, so that two `up` of one lab do not meet.
locked() {
    [ -n "${LAB_LOCKED:-}" ] && return 0
    local lock
    lock=/run/lock/horde-eas-lab-$(printf %s "$LAB" | cksum | cut -d' ' -f1)
    LAB_LOCKED=1 exec flock -o "$lock" "$0" "$@"
}

install_packages() {
    local missing=() p
    for p in $PACKAGES; do
        dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    # shellcheck disable=SC1091
    [ "$(. /etc/os-release && echo "$ID ${VERSION_ID:-}")" = "debian 12" ] || say "warning: this lab is made for Debian 12"
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    (
        flock 9
        # Packages must not start their daemons: the lab runs instances of its own.
        local policy=/usr/sbin/policy-rc.d made= fresh=() u
        for u in $UNITS; do [ -e "/usr/lib/systemd/system/$u.service" ] || [ -e "/lib/systemd/system/$u.service" ] || fresh+=("$u"); done
        if [ ! -e $policy ]; then
            printf '#!/bin/sh\nexit 101\n' > $policy
            chmod 755 $policy
            made=1
        fi
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq -o DPkg::Lock::Timeout=600 update >&2 9>&- || true
        rc=0
        apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -y --no-install-recommends install "${missing[@]}" \
            > "$1" 2>&1 9>&- || rc=$?
        [ -n "$made" ] && rm -f $policy
        # Nor at the next boot.
        [ -d /run/systemd/system ] && [ ${#fresh[@]} -gt 0 ] && systemctl -q disable "${fresh[@]}" >/dev/null 2>&1 9>&-
        [ $rc = 0 ] || { tail -n 20 "$1" >&2; exit $rc; }
    ) 9> /run/lock/horde-eas-lab-packages || die "apt-get could not install them, see $1"
}

# --- processes: pid files only -------------------------------------------------
pid_alive() { [ -s "$1" ] && kill -0 "$(head -n1 "$1" | tr -d ' ')" 2>/dev/null; }

stop_pid() { # pidfile
    local f=$1 pid
    [ -s "$f" ] || return 0
    pid=$(head -n1 "$f" | tr -d ' ')
    if kill -TERM "$pid" 2>/dev/null; then
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$pid" 2>/dev/null || true
    fi
    rm -f "$f"
}

wait_tcp() { # port name
    for _ in $(seq 150); do
        (exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
        sleep 0.1
    done
    die "$2 does not answer on port $1, see $LAB/log"
}

# Runs a PHP script of the lab as the web user, in the environment of the lab's Horde.
lab_php() {
    setpriv --reuid "$WEBUSER" --regid "$WEBUSER" --clear-groups -- env HOME="$LAB/tmp" HORDE_EAS_LAB="$LAB" SERVER_NAME=localhost \
        "php$PHPV" -d include_path="$LAB/php:/usr/share/php" -d error_log="$LAB/log/php-cli.log" -d log_errors=1 -d display_errors=0 \
        -d memory_limit=1G -d auto_prepend_file="$LAB/conf/prepend.php" -d date.timezone=UTC "$@" < /dev/null
}
