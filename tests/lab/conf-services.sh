# Writes the configuration of php-fpm, lighttpd, Apache, Dovecot and Postfix. Sourced by up.
# shellcheck shell=bash disable=SC2154

cp "$LAB/php/prepend.php" "$LAB/conf/prepend.php"
cat > "$LAB/conf/php-fpm.conf" <<END
[global]
pid = $LAB/run/php-fpm.pid
error_log = $LAB/log/php-fpm.log
daemonize = yes
log_limit = 8192
END
pool() { # name socket workers
cat >> "$LAB/conf/php-fpm.conf" <<END
[$1]
user = $WEBUSER
group = $WEBUSER
listen = $2
listen.owner = $WEBUSER
listen.group = $WEBUSER
pm = static
pm.max_children = $3
pm.max_requests = 0
pm.status_path = /fpm-status
catch_workers_output = yes
access.log = $LAB/log/php-$1-access.log
access.format = "%t \"%m %r%Q%q\" %s %{mili}d ms"
clear_env = no
env[HORDE_EAS_LAB] = $LAB
env[REMOTE_HOST] = localhost
php_admin_value[include_path] = $LAB/php:/usr/share/php
php_admin_value[auto_prepend_file] = $LAB/conf/prepend.php
php_admin_value[session.save_path] = $LAB/sessions
php_admin_value[upload_tmp_dir] = $LAB/tmp
php_admin_value[error_log] = $LAB/log/php-$1.log
php_admin_flag[log_errors] = on
php_admin_flag[display_errors] = off
php_admin_value[memory_limit] = 512M
php_admin_value[date.timezone] = UTC
php_admin_value[post_max_size] = 64M
END
}
pool rpc "$LAB/run/php.sock" "$WORKERS"
pool eas "$LAB/run/php-eas.sock" "$EAS_WORKERS"

cat > "$LAB/conf/lighttpd.conf" <<END
server.modules = ( "mod_access", "mod_alias", "mod_fastcgi", "mod_accesslog" )
server.document-root = "$LAB/state/www"
server.port = $P_LIGHTTPD
server.bind = "127.0.0.1"
server.username = "$WEBUSER"
server.groupname = "$WEBUSER"
server.pid-file = "$LAB/run/lighttpd.pid"
server.errorlog = "$LAB/log/lighttpd-error.log"
accesslog.filename = "$LAB/log/lighttpd-access.log"
server.upload-dirs = ( "$LAB/tmp" )
index-file.names = ( "index.php" )
mimetype.assign = ( ".css" => "text/css", ".js" => "text/javascript", ".png" => "image/png", ".svg" => "image/svg+xml", "" => "application/octet-stream" )
alias.url = ( "/horde" => "$C" )
\$HTTP["url"] =~ "^/horde/(config|lib|migration|locale|templates|[a-z]+/(config|lib|migration|locale|templates))/" { url.access-deny = ( "" ) }
fastcgi.server = ( ".php" => (( "socket" => "$LAB/run/php.sock", "check-local" => "enable", "broken-scriptfilename" => "enable" )) )
END
mkdir -p "$LAB/state/www"

M=/usr/lib/apache2/modules
cat > "$LAB/conf/apache.conf" <<END
ServerRoot "$LAB"
ServerName 127.0.0.1
PidFile $LAB/run/apache.pid
DefaultRuntimeDir $LAB/run
ErrorLog $LAB/log/apache-error.log
LogLevel warn
LoadModule mpm_event_module $M/mod_mpm_event.so
LoadModule authz_core_module $M/mod_authz_core.so
LoadModule alias_module $M/mod_alias.so
LoadModule dir_module $M/mod_dir.so
LoadModule mime_module $M/mod_mime.so
LoadModule env_module $M/mod_env.so
LoadModule setenvif_module $M/mod_setenvif.so
LoadModule proxy_module $M/mod_proxy.so
LoadModule proxy_fcgi_module $M/mod_proxy_fcgi.so
TypesConfig /etc/mime.types
User $WEBUSER
Group $WEBUSER
Listen 127.0.0.1:$P_APACHE
Listen 127.0.0.1:$P_EAS
LogFormat "%h %l %u %t \"%r\" %>s %b %D" timed
CustomLog $LAB/log/apache-access.log timed
Timeout 3600
ProxyTimeout 3600
DocumentRoot "$LAB/state/www"
DirectoryIndex index.php
<Directory />
    Require all denied
    AllowOverride None
</Directory>
<Directory "$C">
    Require all granted
    CGIPassAuth On
</Directory>
<DirectoryMatch "^$C/(.*/)?(config|lib|migration|locale|templates)(/|\$)">
    Require all denied
</DirectoryMatch>
Alias /horde "$C"
<VirtualHost 127.0.0.1:$P_APACHE>
    <FilesMatch "\.php\$">
        SetHandler "proxy:unix:$LAB/run/php.sock|fcgi://rpc/"
    </FilesMatch>
</VirtualHost>
<VirtualHost 127.0.0.1:$P_EAS>
    Alias /Microsoft-Server-ActiveSync "$C/rpc.php"
    Alias /autodiscover/autodiscover.xml "$C/rpc.php"
    Alias /Autodiscover/Autodiscover.xml "$C/rpc.php"
    <FilesMatch "\.php\$">
        SetHandler "proxy:unix:$LAB/run/php-eas.sock|fcgi://eas/"
    </FilesMatch>
</VirtualHost>
END
[ -e /etc/mime.types ] || sed -i "s,^TypesConfig.*,TypesConfig /dev/null," "$LAB/conf/apache.conf"

: > "$LAB/conf/dovecot.passwd"
for u in $USERS; do
    printf '%s:{PLAIN}%s::::::\n' "$u" "$(password_of "$u")" >> "$LAB/conf/dovecot.passwd"
done
chgrp dovecot "$LAB/conf/dovecot.passwd"; chmod 640 "$LAB/conf/dovecot.passwd"
chown mail:mail "$LAB/mail"
if [ ! -e "$LAB/conf/tls.key" ]; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=localhost" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
        -addext "basicConstraints=critical,CA:TRUE" -keyout "$LAB/conf/tls.key" -out "$LAB/conf/tls.crt" > /dev/null 2>&1 \
        || die "openssl made no certificate"
    chmod 600 "$LAB/conf/tls.key"
fi
cat > "$LAB/conf/dovecot.conf" <<END
base_dir = $LAB/run/dovecot
state_dir = $LAB/state/dovecot
instance_name = hordeeaslab
log_path = $LAB/log/dovecot.log
protocols = imap lmtp sieve
listen = 127.0.0.1
ssl = yes
ssl_cert = <$LAB/conf/tls.crt
ssl_key = <$LAB/conf/tls.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %Ln
auth_failure_delay = 0
mail_location = maildir:$LAB/mail/%n
mail_uid = mail
mail_gid = mail
first_valid_uid = 8
first_valid_gid = 8
mail_max_userip_connections = 200
mail_plugins = acl quota
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%n $LAB/conf/dovecot.passwd
}
# Any number of accounts for tests, each with an empty Horde of its own.
passdb {
  driver = static
  username_filter = e2e-*
  args = password=%n-secret
}
userdb {
  driver = static
  args = uid=mail gid=mail home=$LAB/mail/%n quota_rule=*:bytes=%{if;%n;*;e2e-full-*;200000;0}
}
plugin {
  acl = vfile
  quota = maildir:User quota
  quota_grace = 0
  sieve = file:~/sieve;active=~/.dovecot.sieve
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Drafts {
    auto = subscribe
    special_use = \Drafts
  }
  mailbox Sent {
    auto = subscribe
    special_use = \Sent
  }
  mailbox Trash {
    auto = subscribe
    special_use = \Trash
  }
  mailbox Junk {
    auto = subscribe
    special_use = \Junk
  }
}
service imap-login {
  process_min_avail = 1
  service_count = 0
  inet_listener imap {
    port = $P_IMAP
  }
  inet_listener imaps {
    port = $P_IMAPS
    ssl = yes
  }
}
service managesieve-login {
  inet_listener sieve {
    port = $P_SIEVE
  }
}
service lmtp {
  inet_listener lmtp {
    port = $P_LMTP
  }
}
# All logins come from one address: with the penalty a wrong password makes everybody's next login wait for up to 15 s.
# Without its socket each start of the auth process takes 5 s; so it stays.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  idle_kill = 365 days
  unix_listener $LAB/run/postfix-auth {
    mode = 0666
  }
}
protocol imap {
  mail_plugins = \$mail_plugins imap_acl imap_quota
}
protocol lmtp {
  mail_plugins = \$mail_plugins sieve
  postmaster_address = admin@$DOMAIN
}
END

mkdir -p "$LAB/conf/postfix" "$LAB/state/postfix-data" "$LAB/state/postfix-queue"
chown root "$LAB/state/postfix-queue"; chown postfix "$LAB/state/postfix-data"
cat > "$LAB/conf/postfix/main.cf" <<END
compatibility_level = 3.6
queue_directory = $LAB/state/postfix-queue
data_directory = $LAB/state/postfix-data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = $LAB/log/postfix.log
maillog_file_prefixes = $LAB
multi_instance_name = postfix-hordeeaslab
multi_instance_enable = yes
myhostname = mx.$DOMAIN
mydomain = $DOMAIN
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.1/32
virtual_mailbox_domains = $DOMAIN
virtual_transport = lmtp:inet:127.0.0.1:$P_LMTP
default_transport = error:only $DOMAIN is delivered in this lab
relay_domains =
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = $LAB/run/postfix-auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
message_size_limit = 104857600
smtpd_tls_security_level = may
smtpd_tls_cert_file = $LAB/conf/tls.crt
smtpd_tls_key_file = $LAB/conf/tls.key
mailbox_size_limit = 0
biff = no
alias_maps =
alias_database =
local_recipient_maps =
END
cat > "$LAB/conf/postfix/master.cf" <<END
127.0.0.1:$P_SMTP inet n - n - - smtpd
127.0.0.1:$P_SMTPS inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
postlog   unix-dgram n - n - 1 postlogd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
END

for d in tmp sessions cache vfs log/activesync horde/static; do chown -R "$WEBUSER:$WEBUSER" "$LAB/$d"; done
chmod 1777 "$LAB/log"
touch "$LAB"/log/{horde.log,php-rpc.log,php-eas.log,php-cli.log}; chown "$WEBUSER" "$LAB"/log/{horde.log,php-rpc.log,php-eas.log,php-cli.log}

