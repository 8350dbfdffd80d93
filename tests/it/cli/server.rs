//! `ostler init`, `serve` and `config check`: the commands of the server's own machine.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::process::Child;
use std::process::ChildStderr;

use insta::assert_snapshot;
use rustix::process::Pid;
use rustix::process::Signal;
use serde_json::Value;

use crate::services::free_port;

use super::Person;
use super::Ran;

#[tokio::test]
async fn a_server_is_made_served_used_and_stopped() {
    let (operator, url) = Person::operator();
    let first = operator.run("init -o json").await.json();
    assert_eq!(first["issuer"], url.as_str());
    assert_eq!(first.as_object().unwrap().len(), 3);

    let mut child = operator.start(&["serve"]);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"message\":\"serving\"") {
        line.clear();
        assert!(
            log.read_line(&mut line).unwrap() > 0,
            "the server ended: {line}"
        );
    }
    let admin = Person::new()
        .with("OSTLER_URL", &url)
        .with("OSTLER_CLIENT_ID", first["client_id"].as_str().unwrap())
        .with(
            "OSTLER_CLIENT_SECRET",
            first["client_secret"].as_str().unwrap(),
        );
    let account = admin.run("account get administrator -o json").await.json();
    assert_eq!(account["status"], "active");

    // A second one on the same data does not start, and there is nothing left to initialise.
    let second = operator.run("serve --listen 127.0.0.1:1").await;
    assert_eq!(second.code, Some(1), "{second}");
    let again = operator.run("init -o json").await;
    assert_eq!(again.code, Some(5), "{again}");

    rustix::process::kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_store_is_initialised_once() {
    let (operator, _) = Person::operator();
    operator
        .run("init --secret-out administrator.env")
        .await
        .data();
    let text = fs::read_to_string(operator.home().join("administrator.env")).unwrap();
    assert!(text.contains("OSTLER_CLIENT_SECRET=ostler_cs_"));

    let again = operator.run("init -o json").await;
    assert_snapshot!(again.screen(), @"
    ! error: this store is initialised already: its administrator's credential was shown when that was done
    !   fix: if nobody has it any more, make another: ostler admin recover
    exit 5
    ");
}

#[tokio::test]
async fn a_store_that_is_not_initialised_is_not_served() {
    let (operator, _) = Person::operator();
    let ran = operator.run("serve").await;
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stderr.contains("`ostler init`"), "{ran}");
    let made: Vec<_> = fs::read_dir(operator.home()).unwrap().collect();
    assert!(made.is_empty(), "{made:?}");
}

#[tokio::test]
async fn a_good_configuration_is_said_to_be_good() {
    let (operator, _) = Person::operator();
    assert_snapshot!(operator.run("config check").await.screen(), @"
    ! ✓ the configuration is good
    exit 0
    ");
}

#[tokio::test]
async fn all_mistakes_of_a_configuration_are_told_at_once() {
    let person = Person::new().with("OSTLER_TOKENS__LIFETIME_SECONDS", "long");
    person.write("ostler.toml", "[server]\nlistn = '127.0.0.1:1'\n", 0o644);
    let checked = person
        .run("config check -c ostler.toml --issuer http://auth.example.com")
        .await;
    assert_snapshot!(checked.screen(), @r#"
    ! ✗ the configuration has 3 mistakes:
    ! 
    !   server.listn (file ostler.toml:2)
    !     is not a key
    !     fix: did you mean server.listen?
    ! 
    !   server.issuer (flag --issuer)
    !     "http://auth.example.com" is plain http for a host that is not loopback
    !     fix: give the https:// URL by which clients reach this server
    ! 
    !   tokens.lifetime_seconds (variable OSTLER_TOKENS__LIFETIME_SECONDS)
    !     "long" is not a whole number
    !     fix: give a whole number of seconds from 1 to 604800
    exit 6
    "#);

    // The same stops the server, and OSTLER_CONFIG names the file as -c does.
    let person = person.with("OSTLER_CONFIG", "ostler.toml");
    for command in ["serve", "init"] {
        let ran = person
            .run(&format!("{command} --issuer http://auth.example.com"))
            .await;
        assert_eq!(ran.code, Some(1), "{ran}");
        assert_eq!(
            ran.stderr.lines().skip(1).collect::<Vec<_>>(),
            checked.stderr.lines().skip(1).collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn a_whole_line_of_json_is_handed_over_or_nothing_is_finished() {
    let (operator, _) = Person::operator();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = operator.command(&["init", "-o", "json"]);
    command.stdout(writer);
    let child = command.spawn().unwrap();
    let unseen = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(unseen.code, Some(1), "{unseen}");

    // Nobody has seen that secret, so it can be run again.
    let first: Value = operator.run("init -o json").await.json();
    assert!(first["client_secret"].is_string());
}

/// A server that is served, and ends with this value.
pub struct Serving {
    child: Child,
    /// A log that nobody can read any more would be another thing to go wrong.
    log: BufReader<ChildStderr>,
}

impl Serving {
    fn start(operator: &Person) -> Self {
        Self::of(operator.start(&["serve"]))
    }

    /// The server of this process, when it serves.
    pub fn of(mut child: Child) -> Self {
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut serving = Self { child, log };
        let mut said = String::new();
        while !said.contains("\"message\":\"serving\"") {
            let read = serving.log.read_line(&mut said).unwrap();
            assert!(read > 0, "it ended: {said}");
        }
        serving
    }
}

impl Serving {
    /// Ends it as a service manager does.
    pub fn stop(mut self) {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // One that has ended is no error here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// Security case 152: what is in force is shown, and no password of it.
#[tokio::test]
async fn the_configuration_in_force_is_shown_with_where_it_came_from() {
    let (operator, _) = Person::operator();
    let operator = operator
        .with(
            "OSTLER_DATABASE__URL",
            "postgres://ostler:hunter2@db/ostler",
        )
        .with("OSTLER_REDIS__URL_FILE", "redis.url");
    operator.write("redis.url", "redis://:hunter3@cache/1\n", 0o600);
    operator.write("ostler.toml", "[tokens]\nlifetime_seconds = 600\n", 0o644);
    let shown = operator.run("config show -c ostler.toml --data here").await;
    for line in [
        "tokens.lifetime_seconds\t600\tfile ostler.toml:2",
        "data.dir\there\tflag --data",
        "secrets.pepper_file\tkeys/pepper\tdefault",
        "admin.listen\t\tdefault",
        "database.url\tpostgres://ostler:...@db/ostler\tvariable OSTLER_DATABASE__URL",
        "redis.url\tredis://:...@cache/1\tvariable OSTLER_REDIS__URL_FILE",
    ] {
        assert!(
            shown.data().lines().any(|own| own == line),
            "{line}\n{shown}"
        );
    }
    assert!(!shown.data().contains("hunter"), "{shown}");
    let as_json = operator.run("config show -o json").await.json();
    assert_eq!(as_json["items"][0]["key"], "server.listen");

    let wrong = operator.run("config show --issuer x").await;
    assert_eq!(wrong.code, Some(6), "{wrong}");
    let reference = operator.run("config reference").await;
    assert!(reference.data().contains("\n[tokens]\n# "), "{reference}");
}

/// The variable of a number, its least value and its greatest, as a line of the reference tells them.
fn bounds(line: &str) -> Option<(&str, i64, i64)> {
    let (_, said) = line.strip_suffix(')')?.rsplit_once(" (")?;
    let (variable, bounds) = said.split_once("; ")?;
    let (least, most) = bounds.split_once(" to ")?;
    Some((variable, least.parse().ok()?, most.parse().ok()?))
}

#[tokio::test]
async fn the_bounds_in_the_reference_are_those_that_are_checked() {
    let reference = Person::new().run("config reference").await;
    let bounds: Vec<_> = reference.data().lines().filter_map(bounds).collect();
    let shown = Person::new().run("config show").await;
    let is_number = |line: &&str| {
        let value = line.split('\t').nth(1);
        value.is_some_and(|value| value.parse::<u64>().is_ok())
    };
    let numbers = shown.data().lines().filter(is_number).count();
    assert_eq!(bounds.len(), numbers, "{reference}");

    for (variable, least, most) in bounds {
        for (value, code) in [(least - 1, 6), (least, 0), (most, 0), (most + 1, 6)] {
            // A lifetime has room for its own greatest value.
            let person = Person::new()
                .with("OSTLER_TOKENS__MAX_LIFETIME_SECONDS", "604800")
                .with(variable, &value.to_string());
            let checked = person.run("config check").await;
            assert_eq!(checked.code, Some(code), "{variable} {value}: {checked}");
            let is_named = checked.stderr.contains(variable);
            assert_eq!(is_named, code == 6, "{variable} {value}: {checked}");
        }
    }
}

// Security case 152: neither its arguments nor its environment tell a secret that came from a file.
#[tokio::test]
async fn a_running_server_is_known_by_no_secret() {
    let (operator, _) = Person::operator();
    operator.run("init --secret-out a.env").await.data();
    operator.write("database.url", "sqlite://data/ostler.db\n", 0o600);
    let operator = operator.with("OSTLER_DATABASE__URL_FILE", "database.url");
    let serving = Serving::start(&operator);
    let process = format!("/proc/{}", serving.child.id());
    for file in ["cmdline", "environ"] {
        let told = fs::read(format!("{process}/{file}")).unwrap();
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(
            !told.contains("ostler.db") && !told.contains("ostler_cs_"),
            "{told}"
        );
    }
    drop(serving);
}

#[tokio::test]
async fn the_doctor_says_what_is_wrong_and_what_to_do() {
    let (operator, _) = Person::operator();
    assert_snapshot!(operator.run("doctor").await.screen(), @"
    ! ✓ the configuration is good
    ! ✗ there are no keys in keys
    !   fix: make them: ostler init
    ! ✗ cannot reach http://127.0.0.1:PORT: Connection refused (os error 111)
    !   fix: start the server (`ostler serve`, `ostler dev`), or mend the URL
    ! ✗ cannot reach http://127.0.0.1:PORT: Connection refused (os error 111)
    !   fix: start the server (`ostler serve`, `ostler dev`), or mend the URL
    ! ✗ 3 things are wrong
    exit 6
    ");

    operator.run("init --secret-out a.env").await.data();
    let serving = Serving::start(&operator);
    assert_snapshot!(operator.run("doctor").await.screen(), @"
    ! ✓ the configuration is good
    ! ✓ 6 files in keys are nobody else's to read
    ! ✓ database: ok
    ! ✓ migrations: ok
    ! ✓ signing_key: ok
    ! ✓ clock: ok
    ! ✓ http://127.0.0.1:PORT answers, and says that it is that
    ! ✓ data/ostler.sock is nobody else's to ask
    exit 0
    ");
    let key = fs::read_dir(operator.home().join("keys")).unwrap().last();
    let key = key.unwrap().unwrap().path();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let told = operator.run("doctor --issuer http://localhost:1").await;
    assert_eq!(told.code, Some(6), "{told}");
    for line in [
        "is open to others",
        "http://localhost:1",
        "2 things are wrong",
    ] {
        assert!(told.stderr.contains(line), "{line}: {told}");
    }
    drop(serving);
}

#[tokio::test]
async fn the_doctor_asks_a_management_listener_wherever_it_is() {
    let (operator, _) = Person::operator();
    operator.run("init --secret-out a.env").await.data();
    let port = free_port();
    for (listen, asked) in [
        ("0.0.0.0", "127.0.0.1"),
        // The one that every machine has and that is not among those of loopback.
        ("[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]"),
    ] {
        let listen = format!("{listen}:{port}");
        let flag = ["--management-listen", listen.as_str()];
        let alone = operator.run_words(&[&["doctor"][..], &flag].concat()).await;
        let unreachable = format!("cannot reach http://{asked}:{port}: Connection refused");
        assert!(alone.stderr.contains(&unreachable), "{listen}: {alone}");

        let serving = Serving::of(operator.start(&[&["serve"][..], &flag].concat()));
        let well = operator.run_words(&[&["doctor"][..], &flag].concat()).await;
        assert_eq!(well.code, Some(0), "{listen}: {well}");
        assert!(
            well.stderr.contains("✓ signing_key: ok"),
            "{listen}: {well}"
        );
        serving.stop();
    }
}
