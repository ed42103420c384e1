use super::*;

const SAMPLE: &str = include_str!("../../docs/horde-eas.toml");

fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(text, Path::new("eas.toml"))
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(parse("").unwrap(), Config::default());
}

/// The sample shows each option commented out with its default; an option line starts with `#` and no blank.
#[test]
fn sample_shows_the_defaults() {
    assert_eq!(parse(SAMPLE).unwrap(), Config::default());
    let mut shown = String::new();
    for line in SAMPLE.lines() {
        match line.strip_prefix('#') {
            Some(option) if option.starts_with(|c: char| c.is_ascii_alphabetic()) => shown.push_str(option),
            _ => shown.push_str(line),
        }
        shown.push('\n');
    }
    assert_ne!(shown, SAMPLE);
    assert_eq!(parse(&shown).unwrap(), Config::default());
}

#[test]
fn sample_shows_every_option() {
    let debug = format!("{:?}", Config::default()).replace("device_type:", "type:");
    let words = debug.split([' ', '{', '[', '(']);
    let names: Vec<&str> = words.filter_map(|w| w.strip_suffix(':')).collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        let shown = ["#{} = ", "[{}]", "[[versions.{}]]", "[log.{}]", "{} = "].map(|form| form.replace("{}", name));
        assert!(shown.iter().any(|s| SAMPLE.contains(s)), "{name}");
    }
}

#[test]
fn faults_name_the_line() {
    for (text, line, part) in [
        ("state = \"/x\"\nstat = 1\n", 2, "unknown field `stat`"),
        ("[ping]\nmin = 60\nmax = \"long\"\n", 3, "invalid type"),
        ("[ping]\n\nmax = 4000\n", 3, "ping.max: must be 3540 or less"),
        ("[ping]\nmin = 900\nmax = 600\n", 3, "ping.max: is less than min (900)"),
        ("[horde]\nurl = \"localhost/rpc.php\"\n", 2, "horde.url: \"localhost/rpc.php\" is no http:// or https:// URL"),
        ("[versions]\nmax = \"15.0\"\n", 2, "no protocol version \"15.0\": one of 2.5, 12.0"),
        ("[[versions.ceiling]]\nuser = \"x\"\n", 1, "missing field `max`"),
        ("[[folders.merge]]\nclasses = []\n", 2, "names no class"),
        ("[[folders.merge]]\ntype = \"x\"\n", 1, "missing field `classes`"),
        ("[[folders.merge]]\ntype = \"x\"\nclasses = [\"mail\"]\n", 3, "no class \"mail\": one of contacts, calendar"),
        ("[limits]\nrepeats = 1\n", 2, "limits.repeats: must be 0 or 2 and more"),
        ("[limits]\nqueue = 5\nqueue_time = 301\n", 3, "limits.queue_time: must be 300 or less"),
        ("[limits]\nworking = -1\n", 2, "integer `-1`, expected a number, 0 or more"),
        ("[limits]\nrepeats = 100000\n", 2, "integer `100000`, expected a number from 0 to 65535"),
        ("[horde]\ntimeout = \"60\"\n", 2, "string \"60\", expected a number, 0 or more"),
        ("[horde]\nmulticall = \"no\"\n", 2, "expected true or false"),
        ("[horde]\nurl = localhost\n", 2, ""),
        ("[horde]\nurl = \"http://localhost/horde/\"\n", 2, "must end with the path of rpc.php, for example"),
        ("[horde]\nurl = 5\n", 2, "expected a text in quotes"),
        ("[login]\ndomains = \"example.org\"\n", 2, "expected a list in brackets"),
        ("[log]\nlevel = \"loud\"\n", 2, "no log level \"loud\""),
        ("[imap]\nwatch = \"push\"\n", 2, "unknown variant"),
        ("[imap]\nwatch = \"idle\"\nmax_held = 500\n", 3, "must be less than max_connections (500)"),
        ("[login]\nstrip_domain = \"yes\"\n", 2, "unknown variant"),
        ("[horde\n", 1, ""),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.to_string().starts_with(&format!("eas.toml:{line}: ")), "{error}");
        assert!(error.reason.contains(part), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("/nonexistent/eas.toml")).unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent/eas.toml: cannot be read: "), "{error}");
}

#[test]
fn the_usual_heartbeat_is_in_range() {
    let ping = Ping::default();
    assert!((ping.min..=ping.max).contains(&470));
}

#[test]
fn domains() {
    let mut config = Config::default();
    assert!(!config.strips("example.org"));
    config.mail.domain = "example.org".to_owned();
    config.login.domains.push("Example.net".to_owned());
    assert!(config.strips("EXAMPLE.ORG") && config.strips("example.net") && !config.strips("example.com"));
    assert!(!config.strips(""));
    config.login.strip_domain = Strip::Always;
    assert!(config.strips("example.com"));
    config.login.strip_domain = Strip::Never;
    assert!(!config.strips("example.org"));
}
