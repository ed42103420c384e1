<?php
/* Usage: share.php APP OWNER USER PERMS
 * Gives USER (or takes from him) permissions on the default container of OWNER: SHOW 2, READ 4, EDIT 8, DELETE 16; 0 = none. Prints its id. */
$lab = getenv('HORDE_EAS_LAB');
$_SERVER['SERVER_NAME'] = 'localhost';
$_SERVER['REMOTE_ADDR'] = '127.0.0.1';
$_SERVER['REMOTE_HOST'] = 'localhost';
require_once $lab . '/horde/lib/Application.php';
Horde_Registry::appInit('horde', array('authentication' => 'none', 'cli' => true));
list(, $app, $owner, $user, $perms) = $argv;
$auth = $injector->getInstance('Horde_Core_Factory_Auth')->create();
if (!$auth->authenticate($owner, array('password' => $owner . '-secret'))) {
    fwrite(STDERR, "cannot log in as $owner\n");
    exit(1);
}
$apis = array('nag' => 'tasks', 'mnemo' => 'notes', 'kronolith' => 'calendar', 'turba' => 'contacts');
$id = $registry->call($apis[$app] . '/getDefaultShare');
$share = $injector->getInstance('Horde_Core_Factory_Share')->create($app)->getShare($id);
$permission = $share->getPermission();
$permission->removeUserPermission($user, 30, false);
if ((int)$perms) {
    $permission->addUserPermission($user, (int)$perms, false);
}
$share->setPermission($permission);
$share->save();
echo $id;
