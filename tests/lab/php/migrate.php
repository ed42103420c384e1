<?php
/* Runs all migrations of the applications and of the libraries. */
$lab = getenv('HORDE_EAS_LAB');
$_SERVER['SERVER_NAME'] = 'localhost';
require_once $lab . '/horde/lib/Application.php';
Horde_Registry::appInit('horde', array('authentication' => 'none', 'cli' => true));
$migration = new Horde_Core_Db_Migration();
for ($i = 0; $i < 2; $i++) {
    $error = null;
    foreach ($migration->apps as $app) {
        $migrator = $migration->getMigrator($app);
        if ($migrator->getTargetVersion() <= $migrator->getCurrentVersion()) {
            continue;
        }
        try {
            $migrator->up();
            echo "$app: ", $migrator->getCurrentVersion(), "\n";
        } catch (Exception $error) {
            echo "$app: FAILED ", $error->getMessage(), "\n";
        }
    }
    if (!$error) {
        exit(0);
    }
}
exit(1);
