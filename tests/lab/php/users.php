<?php
/* Usage: users.php DOMAIN GAL USER...
 * Sets identity, time zone and a few preferences of every user, lets the
 * applications create the default containers, and creates one address book
 * that everybody can read, as the GAL. */
$lab = getenv('HORDE_EAS_LAB');
$_SERVER['SERVER_NAME'] = 'localhost';
$_SERVER['REMOTE_ADDR'] = '127.0.0.1';
$_SERVER['REMOTE_HOST'] = 'localhost';
require_once $lab . '/horde/lib/Application.php';
Horde_Registry::appInit('horde', array('authentication' => 'none', 'cli' => true));
array_shift($argv);
$domain = array_shift($argv);
$gal = array_shift($argv);
$zones = array('alice' => 'Europe/Berlin', 'bob' => 'America/New_York');
$names = array('alice' => 'Alice Example', 'bob' => 'Bob Example', 'carol' => 'Carol Müller', 'dave' => 'Dave Example', 'admin' => 'Lab Administrator');
$auth = $injector->getInstance('Horde_Core_Factory_Auth')->create();
foreach ($argv as $user) {
    if (!$auth->authenticate($user, array('password' => $user . '-secret'))) {
        fwrite(STDERR, "cannot log in as $user\n");
        exit(1);
    }
    $name = isset($names[$user]) ? $names[$user] : ucfirst($user);
    $prefs = $injector->getInstance('Horde_Core_Factory_Prefs')->create('horde', array('user' => $user));
    $prefs->setValue('identities', serialize(array(array(
        'id' => 'Default', 'default_identity' => '', 'fullname' => $name, 'from_addr' => "$user@$domain", 'location' => ''))));
    $prefs->setValue('timezone', isset($zones[$user]) ? $zones[$user] : 'Europe/London');
    $prefs->store();
    foreach (array('contacts/sources', 'calendar/listCalendars', 'tasks/listTasklists', 'notes/listNotepads') as $call) {
        try {
            $r = $registry->call($call, $call == 'contacts/sources' ? array(true) : array(false, Horde_Perms::SHOW));
            echo "$user $call: ", json_encode(array_map('strval', array_keys((array)$r))), "\n";
        } catch (Exception $e) {
            echo "$user $call: ", get_class($e), ' ', $e->getMessage(), "\n";
        }
    }
    if ($user == 'admin') {
        $registry->pushApp('turba', array('check_perms' => false));
        $id = $gal;
        $shares = $injector->getInstance('Turba_Shares');
        if (!$shares->exists($id)) {
            $share = Turba::createShare($id, array(
                'name' => 'Company Directory',
                'params' => array('source' => 'localsql', 'default' => false, 'name' => $id)));
            $perm = $share->getPermission();
            $perm->addDefaultPermission(Horde_Perms::SHOW | Horde_Perms::READ);
            $share->setPermission($perm);
            $share->save();
        }
        $registry->popApp();
    }
    $registry->clearAuth(false);
}
