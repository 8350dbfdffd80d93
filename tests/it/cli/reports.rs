//! `ostler report`: what needs attention, and what anybody may report.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::TestServer;

use super::Person;

#[tokio::test]
async fn what_needs_attention_is_told_with_its_evidence() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    admin.run("account create ci-deployer").await.data();
    let findings = admin.run("report findings --kind no_owner -o csv").await;
    assert!(findings.data().contains("ci-deployer"), "{findings}");
    let none = admin.run("report findings --kind overlap_still_used").await;
    assert_eq!(none.data(), "");
    assert_eq!(admin.run("report findings --kind x").await.code, Some(1));
    admin.run("report unused --for 1s").await.data();
    admin.run("report usage --by total").await.data();

    let info = admin.run("report system -o json").await.json();
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info["issuer"], server.issuer.as_str());
}

#[tokio::test]
async fn a_leaked_secret_is_reported_by_whoever_holds_it() {
    let server = TestServer::start().await;
    let leaked = server.client_with("ci-deployer", json!([])).await;
    let finder = Person::at(&server);
    finder.write("found.txt", &format!("{}\n", leaked.secret), 0o644);

    let shown = finder.run("report leak found.txt --curl").await;
    assert_snapshot!(shown.screen(), @r#"
    curl -sS \
      -X POST \
      'http://127.0.0.1:PORT/admin/v1/leaks' \
      -H 'content-type: application/json' \
      -d '{"secret":"'"$SECRET"'"}'
    exit 0
    "#);
    assert_eq!(leaked.introspect("x").await.status, 200);

    assert_snapshot!(finder.run("report leak found.txt").await.screen(), @"
    ! ✓ it is reported
    exit 0
    ");
    assert_eq!(leaked.introspect("x").await.status, 401);
    // The answer tells nobody what it was.
    let words = ["report", "leak"];
    let unknown = finder.run_with_input(&words, "something else").await;
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(0), ""));
    let nothing = finder.run_with_input(&words, " \n").await;
    assert_eq!(nothing.code, Some(2), "{nothing}");
}
