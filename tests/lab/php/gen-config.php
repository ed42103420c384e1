<?php
/* Writes conf.php with its default values for Horde and every application. */
$lab = getenv('HORDE_EAS_LAB');
$_SERVER['SERVER_NAME'] = 'localhost';
require_once $lab . '/horde/lib/Application.php';
Horde_Registry::appInit('horde', array('authentication' => 'none', 'cli' => true));
foreach ($GLOBALS['registry']->listAllApps() as $app) {
    $root = $GLOBALS['registry']->get('fileroot', $app);
    if (!file_exists($root . '/config/conf.xml')) {
        continue;
    }
    $config = new Horde_Config($app);
    $php = $config->generatePHPConfig(new Horde_Variables());
    file_put_contents($config->configFile(), $php);
    echo "$app: ", $config->configFile(), ' ', strlen($php), "\n";
}
