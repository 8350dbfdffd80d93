//! `docker-compose.yml`, without a Docker engine: what it says holds together, and the server
//! accepts the configuration that it passes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use serde::Deserialize;
use tempfile::TempDir;

#[derive(Deserialize)]
struct Compose {
    services: BTreeMap<String, Service>,
    secrets: BTreeMap<String, SecretFile>,
    volumes: BTreeMap<String, Option<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Service {
    image: String,
    build: Option<Build>,
    environment: BTreeMap<String, String>,
    secrets: Vec<String>,
    volumes: Vec<String>,
    ports: Vec<String>,
    healthcheck: Option<HealthCheck>,
    depends_on: BTreeMap<String, Dependency>,
}

#[derive(Deserialize)]
struct Build {
    dockerfile_inline: String,
}

#[derive(Deserialize)]
struct HealthCheck {
    test: Vec<String>,
}

#[derive(Deserialize)]
struct Dependency {
    condition: String,
}

#[derive(Deserialize)]
struct SecretFile {
    file: String,
}

#[test]
fn config_check_accepts_the_environment_of_the_server() {
    let reply = Machine::with_secrets().config_check();
    let said = String::from_utf8_lossy(&reply.stderr);
    assert_eq!(reply.status.code(), Some(0), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn config_check_misses_a_secret_that_was_not_made() {
    let machine = Machine::with_secrets();
    fs::remove_file(machine.path().join("secrets/redis_url")).unwrap();

    let reply = machine.config_check();
    let said = String::from_utf8_lossy(&reply.stderr);
    assert_eq!(reply.status.code(), Some(6), "{said}");
    assert!(said.contains("OSTLER_REDIS__URL_FILE"), "{said}");
}

#[test]
fn every_secret_is_a_file_that_git_ignores_and_the_instructions_make() {
    let machine = Machine::with_secrets();
    let ignored = read(".gitignore");
    assert!(ignored.lines().any(|line| line == "/secrets/"));

    for secret in machine.compose.secrets.values() {
        assert!(secret.file.starts_with("./secrets/"), "{}", secret.file);
        assert!(machine.path().join(&secret.file).is_file());
    }
    let services = machine.compose.services.values();
    for used in services.flat_map(|service| &service.secrets) {
        assert!(machine.compose.secrets.contains_key(used), "{used}");
    }
}

#[test]
fn every_service_is_pinned_healthy_before_use_and_published_on_loopback_only() {
    let compose = compose();
    for (name, service) in &compose.services {
        let tag = service.image.rsplit(':').next().unwrap();
        let is_pinned = tag.contains('.') || service.build.is_some();
        assert!(is_pinned, "{name} has a floating image: {}", service.image);

        let check = service.healthcheck.as_ref().unwrap();
        assert!(check.test[0].starts_with("CMD"), "{name}");
        for (needed, dependency) in &service.depends_on {
            assert!(compose.services.contains_key(needed));
            assert_eq!(dependency.condition, "service_healthy", "{name}: {needed}");
        }
        for port in &service.ports {
            assert!(port.starts_with("127.0.0.1:"), "{name} publishes {port}");
        }
        for volume in &service.volumes {
            let volume = volume.split(':').next().unwrap();
            assert!(compose.volumes.contains_key(volume), "{name}: {volume}");
        }
    }
}

#[test]
fn the_image_is_built_from_pinned_ones_and_runs_without_root() {
    let compose = compose();
    let dockerfile = &compose.services["ostler"].build.as_ref().unwrap();
    let lines: Vec<&str> = dockerfile.dockerfile_inline.lines().collect();

    let bases = lines.iter().filter_map(|line| line.strip_prefix("FROM "));
    let tags = bases.map(|base| base.split([':', ' ']).nth(1).unwrap());
    assert!(tags.clone().all(|tag| tag.contains('.')));
    assert_eq!(tags.count(), 2);
    assert!(lines.contains(&"USER 10001:10001"));
    assert!(lines.contains(&"ENTRYPOINT [\"ostler\"]"));
}

/// A machine on which the instructions at the top of the file were followed.
struct Machine {
    compose: Compose,
    directory: TempDir,
}

impl Machine {
    fn with_secrets() -> Self {
        let directory = TempDir::new().unwrap();
        let status = Command::new("bash")
            .args(["-euc", &secret_instructions()])
            .current_dir(directory.path())
            .status()
            .unwrap();
        assert!(status.success());
        Self {
            compose: compose(),
            directory,
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Asks `ostler config check` about the environment of the server, and about nothing else.
    fn config_check(&self) -> Output {
        let environment = &self.compose.services["ostler"].environment;
        let values = environment
            .iter()
            .map(|(key, value)| (key, self.here(&with_default(value))));
        Command::new(env!("CARGO_BIN_EXE_ostler"))
            .args(["config", "check"])
            .env_clear()
            .envs(values)
            .current_dir(self.path())
            .output()
            .unwrap()
    }

    /// A path of the container, as one of this machine.
    fn here(&self, value: &str) -> String {
        let root = self.path().display();
        if let Some(secret) = value.strip_prefix("/run/secrets/") {
            return format!("{root}/{}", self.compose.secrets[secret].file);
        }
        match value.strip_prefix("/var/lib/ostler/") {
            Some(volume) => format!("{root}/{volume}"),
            None => value.to_owned(),
        }
    }
}

/// The commands that the file's head gives for the secrets, but for the change of owner.
fn secret_instructions() -> String {
    let text = read("docker-compose.yml");
    let (head, _) = text.split_once("# Say what clients").unwrap();
    let commands = head.lines().filter_map(|line| line.strip_prefix("#   "));
    let commands: Vec<&str> = commands.collect();
    assert!(commands.len() > 1, "the instructions are gone");
    commands.join("\n").replace("sudo chown 10001", ":")
}

/// `${NAME:-default}` as Compose reads it where `NAME` is not set.
fn with_default(value: &str) -> String {
    let variable = value
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    match variable.and_then(|variable| variable.split_once(":-")) {
        Some((_, default)) => default.to_owned(),
        None => value.to_owned(),
    }
}

fn compose() -> Compose {
    serde_saphyr::from_str(&read("docker-compose.yml")).unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}
