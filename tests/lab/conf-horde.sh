# Writes the configuration of Horde and its applications into the lab's copy of the web tree. Sourced by up.
# shellcheck shell=bash disable=SC2154

[ -e "$LAB/conf/tzdata.tar.gz" ] || python3 "$HERE/mktz.py" "$LAB/conf/tzdata.tar.gz"
C=$LAB/horde
[ -e "$C/config/.generated" ] || cp "$C/config/conf.php.dist" "$C/config/conf.php"
case $DB in
sqlite) SQL="\$conf['sql'] = array('phptype' => 'sqlite', 'database' => '$LAB/state/horde.sqlite', 'charset' => 'utf-8', 'mode' => 0600);" ;;
mysql)  SQL="\$conf['sql'] = array('phptype' => 'mysqli', 'protocol' => 'unix', 'socket' => '$LAB/run/mysql.sock', 'username' => 'horde', 'password' => 'horde-db', 'database' => 'horde', 'charset' => 'utf-8', 'persistent' => false, 'ssl' => false, 'splitread' => false);" ;;
*) die "HORDE_EAS_LAB_DB must be mysql or sqlite" ;;
esac
case $AUTH in
imp)  AUTHCONF="\$conf['auth']['driver'] = 'application'; \$conf['auth']['params'] = array('app' => 'imp');" ;;
imap) AUTHCONF="\$conf['auth']['driver'] = 'imap'; \$conf['auth']['params'] = array('hostspec' => '127.0.0.1', 'port' => $P_IMAP, 'secure' => 'none');" ;;
*) die "HORDE_EAS_LAB_AUTH must be imp or imap" ;;
esac
cat > "$C/config/conf.local.php" <<END
<?php
/* Written by the lab's up script. */
\$conf['debug_level'] = E_ALL & ~E_NOTICE & ~E_DEPRECATED;
\$conf['use_ssl'] = 0;
\$conf['umask'] = 077;
\$conf['max_exec_time'] = 0;
\$conf['compress_pages'] = true;
\$conf['session']['name'] = 'Horde';
\$conf['session']['cache_limiter'] = 'nocache';
\$conf['server']['name'] = isset(\$_SERVER['SERVER_NAME']) ? \$_SERVER['SERVER_NAME'] : '127.0.0.1';
\$conf['server']['port'] = isset(\$_SERVER['SERVER_PORT']) ? \$_SERVER['SERVER_PORT'] : $P_LIGHTTPD;
\$conf['secret_key'] = '2d5a3f2c-7f9b-4f63-9a4e-6c1f0a9d5b11';
\$conf['cookie']['domain'] = '';
\$conf['cookie']['path'] = '/horde';
\$conf['testdisable'] = false;
\$conf['tmpdir'] = '$LAB/tmp';
$SQL
$AUTHCONF
\$conf['auth']['admins'] = array('admin');
\$conf['auth']['checkip'] = false;
\$conf['auth']['checkbrowser'] = false;
\$conf['session']['timeout'] = 0;
\$conf['session']['max_time'] = 72000;
\$conf['log']['enabled'] = true;
\$conf['log']['type'] = 'file';
\$conf['log']['name'] = '$LAB/log/horde.log';
\$conf['log']['priority'] = getenv('HORDE_EAS_LAB_LOG') ?: 'INFO';
\$conf['log']['ident'] = 'HORDE';
\$conf['log']['params'] = array('append' => true);
\$conf['log_accesskeys'] = false;
\$conf['prefs']['driver'] = 'Sql';
\$conf['alarms'] = array('driver' => 'Sql', 'params' => array('driverconfig' => 'horde', 'ttl' => 300));
\$conf['group'] = array('driver' => 'Sql', 'params' => array('driverconfig' => 'horde'), 'driverconfig' => 'horde', 'cache' => false);
\$conf['perms'] = getenv('HORDE_EAS_LAB_SETUP') ? array('driver' => 'Null') : array('driver' => 'Sql', 'driverconfig' => 'horde');
\$conf['share'] = array('no_sharing' => false, 'auto_create' => true, 'world' => true, 'any_group' => false, 'hidden' => false, 'cache' => false, 'driver' => 'Sqlng');
\$conf['history'] = array('driver' => 'Sql', 'params' => array('driverconfig' => 'horde'));
\$conf['lock'] = array('driver' => 'Sql', 'params' => array('driverconfig' => 'horde'));
\$conf['token'] = array('driver' => 'Sql', 'params' => array('driverconfig' => 'horde'));
\$conf['vfs'] = array('type' => 'File', 'params' => array('vfsroot' => '$LAB/vfs'));
\$conf['cache'] = array('driver' => 'File', 'default_lifetime' => 86400, 'params' => array('dir' => '$LAB/cache', 'sub' => 0), 'use_memorycache' => '', 'compress' => false);
\$conf['cachecss'] = false;
\$conf['cachejs'] = false;
\$conf['sessionhandler'] = array('type' => 'Builtin', 'hashtable' => false);
\$conf['mailer'] = array('type' => 'smtp', 'params' => array('host' => '127.0.0.1', 'port' => $P_SMTP, 'secure' => 'none', 'auth' => true, 'localhost' => 'localhost', 'lmtp' => false, 'password_auth' => true, 'username_auth' => true));
\$conf['dns'] = array();
\$conf['timezone']['location'] = 'file://$LAB/conf/tzdata.tar.gz';
\$conf['problems']['email'] = 'admin@$DOMAIN';
\$conf['problems']['maildomain'] = '$DOMAIN';
\$conf['activesync'] = array(
    'enabled' => true,
    'storage' => 'Sql',
    'params' => array('driverconfig' => 'horde'),
    'emailsync' => true,
    'version' => '14.1',
    'auth' => array('type' => 'basic'),
    'autodiscovery' => 'user',
    'outlookdiscovery' => false,
    'logging' => array('type' => 'none'),
    'ping' => array('heartbeatmin' => 60, 'heartbeatmax' => 2700, 'heartbeatdefault' => 480, 'deviceping' => true, 'waitinterval' => 15),
    'reminders' => array(),
);
END
mkdir -p "$LAB/log/activesync"
cat > "$C/config/registry.local.php" <<END
<?php
\$this->applications['horde']['fileroot'] = '$C';
\$this->applications['horde']['webroot'] = '/horde';
END
cat > "$C/imp/config/backends.local.php" <<END
<?php
\$servers['imap'] = array(
    'disabled' => false,
    'name' => 'Lab IMAP',
    'hostspec' => '127.0.0.1',
    'hordeauth' => 'full',
    'protocol' => 'imap',
    'port' => $P_IMAP,
    'secure' => false,
    'maildomain' => '$DOMAIN',
    'smtp' => array('auth' => true, 'host' => '127.0.0.1', 'port' => $P_SMTP, 'secure' => false, 'localhost' => 'localhost'),
    'special_mboxes' => array(
        IMP_Mailbox::MBOX_DRAFTS => 'Drafts',
        IMP_Mailbox::MBOX_SENT => 'Sent',
        IMP_Mailbox::MBOX_SPAM => 'Junk',
        IMP_Mailbox::MBOX_TRASH => 'Trash',
    ),
    'acl' => true,
    'cache' => 'sql',
);
END
cat > "$C/imp/config/prefs.local.php" <<END
<?php
\$_prefs['use_trash']['value'] = 1;
\$_prefs['trash_folder']['value'] = 'Trash';
\$_prefs['spam_folder']['value'] = 'Junk';
\$_prefs['sent_mail_folder']['value'] = 'Sent';
\$_prefs['drafts_folder']['value'] = 'Drafts';
END
cat > "$C/ingo/config/backends.local.php" <<END
<?php
\$backends['imap']['disabled'] = true;
\$backends['sieve'] = array(
    'disabled' => false,
    'transport' => array(Ingo::RULE_ALL => array(
        'driver' => 'timsieved',
        'params' => array('hostspec' => '127.0.0.1', 'logintype' => 'PLAIN', 'usetls' => false, 'port' => $P_SIEVE, 'scriptname' => 'ingo', 'debug' => false))),
    'script' => array(Ingo::RULE_ALL => array('driver' => 'sieve', 'params' => array('utf8' => true))),
    'shares' => false,
);
END
# The generator leaves every switch that is on by default off; put back the
# documented defaults that matter.
cat > "$C/kronolith/config/conf.local.php" <<END
<?php
\$conf['calendar']['params']['utc'] = true;
\$conf['calendar']['params']['table'] = 'kronolith_events';
\$conf['resource']['params']['utc'] = true;
\$conf['resource']['params']['table'] = 'kronolith_resources';
\$conf['storage']['default_domain'] = '$DOMAIN';
\$conf['storage']['params']['table'] = 'kronolith_storage';
\$conf['reminder']['server_name'] = 'localhost';
\$conf['reminder']['from_addr'] = 'admin@$DOMAIN';
\$conf['autoshare']['shareperms'] = 'none';
\$conf['menu']['import_export'] = true;
END
for t in nag:nag_tasks mnemo:mnemo_memos; do
    printf "<?php\n\$conf['menu']['import_export'] = true;\n\$conf['storage']['params']['table'] = '%s';\n" "${t#*:}" > "$C/${t%:*}/config/conf.local.php"
done
printf "<?php\n\$conf['spam'] = array('compare' => 'string', 'header' => 'X-Spam-Level', 'char' => '*');\n\$conf['rules']['userheader'] = true;\n" > "$C/ingo/config/conf.local.php"
cat > "$C/imp/config/conf.local.php" <<END
<?php
\$conf['user']['allow_view_source'] = true;
\$conf['compose']['attach_size_limit'] = 0;
\$conf['compose']['attach_count_limit'] = 0;
\$conf['compose']['reply_limit'] = 200000;
\$conf['compose']['ac_threshold'] = 3;
\$conf['compose']['htmlsig_img_size'] = 30000;
\$conf['sentmail']['driver'] = 'sql';
\$conf['sentmail']['params']['driverconfig'] = 'horde';
\$conf['sentmail']['params']['table'] = 'imp_sentmail';
\$conf['sentmail']['params']['threshold'] = 60;
\$conf['sentmail']['params']['limit_period'] = 24;
\$conf['contactsimage']['backends'] = array('IMP_Contacts_Avatar_Addressbook');
\$conf['tasklist']['use_tasklist'] = true;
\$conf['notepad']['use_notepad'] = true;
END
printf "<?php\n\$cfgSources['localsql']['use_shares'] = %s;\n" "$SHARES" > "$C/turba/config/backends.local.php"

cat > "$C/turba/config/conf.local.php" <<END
<?php
\$conf['menu']['import_export'] = true;
\$conf['tags']['enabled'] = true;
\$conf['comments']['allow'] = true;
\$conf['shares']['source'] = 'localsql';
\$conf['gal']['addressbook'] = '$GAL';
\$conf['client']['addressbook'] = '$GAL';
END

