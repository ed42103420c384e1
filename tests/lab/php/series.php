<?php
/* Usage: series.php USER NAME DUE TYPE INTERVAL DAYS COUNT END
 * Adds a task that recurs to the default list: DUE in Unix seconds, the others as Horde_Date_Recurrence has them (0 or "" = none). Horde's RPC
 * takes no recurrence. Prints the uid. */
$lab = getenv('HORDE_EAS_LAB');
$_SERVER['SERVER_NAME'] = 'localhost';
$_SERVER['REMOTE_ADDR'] = '127.0.0.1';
$_SERVER['REMOTE_HOST'] = 'localhost';
require_once $lab . '/horde/lib/Application.php';
Horde_Registry::appInit('horde', array('authentication' => 'none', 'cli' => true));
list(, $user, $name, $due, $type, $interval, $days, $count, $end) = $argv;
$auth = $injector->getInstance('Horde_Core_Factory_Auth')->create();
if (!$auth->authenticate($user, array('password' => $user . '-secret'))) {
    fwrite(STDERR, "cannot log in as $user\n");
    exit(1);
}
$recurrence = new Horde_Date_Recurrence((int)$due);
$recurrence->setRecurType((int)$type);
$recurrence->setRecurInterval((int)$interval);
if ($days) {
    $recurrence->setRecurOnDay((int)$days);
}
if ($count) {
    $recurrence->setRecurCount((int)$count);
}
if ($end) {
    $recurrence->setRecurEnd(new Horde_Date($end));
}
$list = $registry->call('tasks/getDefaultShare');
$task = array('tasklist' => $list, 'name' => $name, 'desc' => '', 'start' => $due - 86400, 'due' => (int)$due, 'alarm' => 30, 'recurrence' => $recurrence);
list(, $uid) = $registry->call('tasks/addTask', array($task));
echo $uid;
