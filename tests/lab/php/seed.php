<?php
/* Usage: seed.php USER CONTACTS EVENTS TASKS NOTES SHARED PHOTO-EVERY
 * Fills the default containers (and with SHARED > 0 the shared address book) through the calls that rpc.php offers, too.
 * Every PHOTO-EVERY-th contact gets a picture of some kilobytes; 0 = none. */
$lab = getenv('HORDE_EAS_LAB');
$_SERVER['SERVER_NAME'] = 'localhost';
$_SERVER['REMOTE_ADDR'] = '127.0.0.1';
$_SERVER['REMOTE_HOST'] = 'localhost';
require_once $lab . '/horde/lib/Application.php';
Horde_Registry::appInit('horde', array('authentication' => 'none', 'cli' => true));
list(, $user, $contacts, $events, $tasks, $notes, $shared, $every) = $argv;
$auth = $injector->getInstance('Horde_Core_Factory_Auth')->create();
if (!$auth->authenticate($user, array('password' => $user . '-secret'))) {
    fwrite(STDERR, "cannot log in as $user\n");
    exit(1);
}
$first = array('Anna', 'Bernd', 'Chloé', 'Dmitri', 'Elif', 'Fábio', 'Grace', 'Hiroshi', 'Ingrid', 'Jürgen', 'Kofi', 'Léa', 'Mei', 'Núria', 'Ole', 'Priya');
$last = array('Ångström', 'Brown', 'Čapek', 'Dubois', 'Eriksen', 'Fischer', 'García', 'Häkkinen', 'Ivanov', 'Jones', 'Kowalski', 'López', 'Müller', 'Nguyễn', '王', 'Øster');
function picture($i)
{
    $im = imagecreatetruecolor(96, 96);
    mt_srand($i);
    for ($x = 0; $x < 96; $x += 8) {
        for ($y = 0; $y < 96; $y += 8) {
            imagefilledrectangle($im, $x, $y, $x + 7, $y + 7, imagecolorallocate($im, mt_rand(0, 255), 80, mt_rand(0, 255)));
        }
    }
    ob_start();
    imagejpeg($im, null, 70);
    return base64_encode(ob_get_clean());
}
function vcard($i, $user, $first, $last, $every)
{
    $f = $first[$i % count($first)];
    $l = $last[intdiv($i, count($first)) % count($last)] . ($i >= 256 ? ' ' . intdiv($i, 256) : '');
    return "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:seed-$user-c$i\r\nN:$l;$f;;;\r\nFN:$f $l\r\n"
        . "EMAIL;TYPE=INTERNET:c$i.$user@example.test\r\nTEL;TYPE=WORK,VOICE:+49 30 " . (1000000 + $i) . "\r\nTEL;TYPE=CELL:+49 170 " . (2000000 + $i) . "\r\n"
        . "ADR;TYPE=HOME:;;$i Main Street;Springfield;ZZ;" . (10000 + $i) . ";Germany\r\nORG:Example Ltd.;Department " . ($i % 7) . "\r\nTITLE:Engineer\r\n"
        . "NOTE:Note number $i\\nsecond line\r\n" . ($i % 3 ? '' : 'BDAY:19' . (50 + $i % 50) . '-0' . (1 + $i % 9) . '-1' . ($i % 9) . "\r\n")
        . ($i % 5 ? '' : "CATEGORIES:Seed,Group" . ($i % 4) . "\r\n")
        . ($every > 0 && $i % $every == 0 ? 'PHOTO;ENCODING=b;TYPE=JPEG:' . picture($i) . "\r\n" : '')
        . "END:VCARD\r\n";
}
$t = microtime(true);
function lap($what, $n)
{
    global $t;
    if ($n > 0) {
        printf("%s: %d in %.1f s\n", $what, $n, microtime(true) - $t);
    }
    $t = microtime(true);
}
try {
    for ($i = 0; $i < $contacts; $i++) {
        $registry->call('contacts/import', array(vcard($i, $user, $first, $last, $every), 'text/vcard'));
    }
    lap("$user contacts", $contacts);
    for ($i = 0; $i < $shared; $i++) {
        $registry->call('contacts/import', array(vcard($i, 'shared', $first, $last, $every), 'text/vcard', 'lab-company-directory'));
    }
    lap("shared contacts", $shared);
    $base = strtotime('today 08:00 UTC') - 365 * 86400;
    for ($i = 0; $i < $events; $i++) {
        $s = $base + (int)($i * 730 * 86400 / max(1, $events)) + ($i % 10) * 1800;
        $v = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//lab//seed//EN\r\nBEGIN:VEVENT\r\nUID:seed-$user-e$i\r\nSUMMARY:Event $i – größer\r\nLOCATION:Room " . ($i % 12) . "\r\nDESCRIPTION:Description $i\\nline two\r\nDTSTAMP:20200101T000000Z\r\n";
        if ($i % 10 == 9) {
            $v .= 'DTSTART;VALUE=DATE:' . gmdate('Ymd', $s) . "\r\nDTEND;VALUE=DATE:" . gmdate('Ymd', $s + 86400) . "\r\n";
        } else {
            $v .= 'DTSTART:' . gmdate('Ymd\THis\Z', $s) . "\r\nDTEND:" . gmdate('Ymd\THis\Z', $s + 3600) . "\r\n";
        }
        $v .= ($i % 25 == 1 ? "RRULE:FREQ=WEEKLY;COUNT=10\r\n" : '')
            . ($i % 6 == 3 ? "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\n" : '');
        $registry->call('calendar/import', array($v . "END:VEVENT\r\nEND:VCALENDAR\r\n", 'text/calendar'));
    }
    lap("$user events", $events);
    for ($i = 0; $i < $tasks; $i++) {
        $v = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//lab//seed//EN\r\nBEGIN:VTODO\r\nUID:seed-$user-t$i\r\nSUMMARY:Task $i\r\nDESCRIPTION:Task body $i\r\nPRIORITY:" . (1 + $i % 5) . "\r\nDTSTAMP:20200101T000000Z\r\n"
            . 'DUE:' . gmdate('Ymd\T150000\Z', $base + (300 + $i) * 86400) . "\r\n" . ($i % 4 ? '' : "STATUS:COMPLETED\r\nCOMPLETED:20250101T120000Z\r\n") . "END:VTODO\r\nEND:VCALENDAR\r\n";
        $registry->call('tasks/import', array($v, 'text/calendar'));
    }
    lap("$user tasks", $tasks);
    for ($i = 0; $i < $notes; $i++) {
        $registry->call('notes/import', array("Note $i\nBody of note $i – größer", 'text/plain'));
    }
    lap("$user notes", $notes);
} catch (Throwable $e) {
    fwrite(STDERR, get_class($e) . ' ' . $e->getMessage() . "\n" . $e->getTraceAsString() . "\n");
    exit(1);
}
