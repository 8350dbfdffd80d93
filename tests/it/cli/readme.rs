//! What the README shows of the shell is done as it stands there.

use std::path::Path;
use std::process::Command;

use crate::harness::TestServer;
use crate::readme::snippet;

use super::Person;
use super::dev::RunningDemo;

/// The commands of a console block: what follows each prompt.
fn commands(block: &str) -> String {
    let mut script = String::from("set -euo pipefail\n");
    for line in block.lines() {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        script.push_str(line);
        script.push('\n');
    }
    script
}

#[tokio::test]
async fn the_shell_examples_work_on_the_demo() {
    let (operator, _) = Person::operator();
    let demo = RunningDemo::start(&operator);
    let binary = Path::new(env!("CARGO_BIN_EXE_ostler")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    // What is pasted next is done by the administrator still.
    let script = commands(snippet("shell")) + "ostler account list --output id\n";
    let ran = Command::new("bash")
        .args(["-c", &script])
        .current_dir(operator.home())
        .env_clear()
        .env("PATH", path)
        .env("HOME", operator.home())
        .output()
        .unwrap();
    demo.stop();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    // The last of ours verifies a token.
    assert!(said.contains("the server says that it is active"), "{said}");
}

#[tokio::test]
async fn the_declared_organization_is_applied_twice_and_the_second_time_nothing_is_to_do() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.write("organization.yaml", snippet("organization.yaml"), 0o644);
    let differs = admin.run("diff -f organization.yaml").await;
    assert_eq!(differs.code, Some(6), "{differs}");

    let apply = "apply -f organization.yaml --secret-out ./secrets";
    admin.run(apply).await.data();
    assert!(
        admin
            .home()
            .join("secrets/release-robot.github.env")
            .exists()
    );
    let effective = admin
        .run("account effective-access release-robot -o csv")
        .await;
    assert!(effective.data().contains("group:releases"), "{effective}");

    let again = admin.run(apply).await;
    assert_eq!(again.data(), "", "{again}");
    assert_eq!(admin.run("diff -f organization.yaml").await.code, Some(0));
}
