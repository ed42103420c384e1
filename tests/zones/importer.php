<?php
/**
 * Reads appointments the way Horde does and says where the result is not the local time that was written.
 *
 * Arguments: the user's zone. Standard input: for each zone a line "#name first-year last-year", then a VTIMEZONE.
 * Output: a line for each wrong time, then the number of times.
 */
error_reporting(E_ALL & ~E_DEPRECATED);
spl_autoload_register(function ($class) {
    $file = stream_resolve_include_path(strtr($class, '_\\', '//') . '.php');
    if ($file) {
        require_once $file;
    }
});
date_default_timezone_set($argv[1]);

$count = 0;
foreach (preg_split('/^#/m', stream_get_contents(STDIN), -1, PREG_SPLIT_NO_EMPTY) as $section) {
    list($head, $vtimezone) = explode("\r\n", $section, 2);
    list($name, $first, $last) = explode(' ', $head);
    $zone = new DateTimeZone($name);
    $local = function ($stamp) use ($zone) {
        return (new DateTime('@' . $stamp))->setTimezone($zone)->format('Ymd\THis');
    };

    // The middle of every month, and the hours around every change. PHP lists the beginning as if it were one.
    $stamps = array();
    for ($month = 12 * $first; $month < 12 * $last + 12; $month++) {
        $stamps[] = gmmktime(12, 0, 0, $month % 12 + 1, 15, intdiv($month, 12));
    }
    $changes = $zone->getTransitions(gmmktime(0, 0, 0, 1, 2, $first), gmmktime(0, 0, 0, 12, 30, $last));
    foreach (array_slice($changes, 1) as $change) {
        foreach (array(-30, -14, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 14, 30) as $hours) {
            $stamps[] = $change['ts'] + (int)($hours * 3600);
        }
    }
    $times = array_map($local, $stamps);
    $events = array_map(function ($time) use ($name) {
        return "BEGIN:VEVENT\r\nDTSTART;TZID=$name:$time\r\nEND:VEVENT\r\n";
    }, $times);

    $calendar = new Horde_Icalendar();
    $calendar->parsevCalendar("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" . $vtimezone . implode('', $events) . "END:VCALENDAR\r\n");
    $read = array();
    foreach ($calendar->getComponents() as $component) {
        if ($component->getType() == 'vEvent') {
            $read[] = $local($component->getAttribute('DTSTART'));
        }
    }
    // A time that comes twice is the same local time either way.
    foreach ($times as $number => $time) {
        $got = isset($read[$number]) ? $read[$number] : 'nothing';
        if ($got !== $time) {
            echo "$head: $time is read as $got\n";
        }
        $count++;
    }
}
echo "$count times\n";
