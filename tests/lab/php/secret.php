<?php
/* Usage: secret.php USER TEXT
 * Adds a note to the default notepad as Mnemo has it in its table when the web interface has encrypted it: TEXT is the cipher text. Prints the uid. */
$lab = getenv('HORDE_EAS_LAB');
$_SERVER['SERVER_NAME'] = 'localhost';
$_SERVER['REMOTE_ADDR'] = '127.0.0.1';
$_SERVER['REMOTE_HOST'] = 'localhost';
require_once $lab . '/horde/lib/Application.php';
Horde_Registry::appInit('horde', array('authentication' => 'none', 'cli' => true));
list(, $user, $text) = $argv;
$auth = $injector->getInstance('Horde_Core_Factory_Auth')->create();
if (!$auth->authenticate($user, array('password' => $user . '-secret'))) {
    fwrite(STDERR, "cannot log in as $user\n");
    exit(1);
}
$uid = $registry->call('notes/import', array('to be encrypted', 'text/plain', $registry->call('notes/getDefaultShare')));
$injector->getInstance('Horde_Db_Adapter')->update('UPDATE mnemo_memos SET memo_body = ? WHERE memo_uid = ?', array($text, $uid));
echo $uid;
