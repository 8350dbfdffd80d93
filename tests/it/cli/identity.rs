//! Which server, as whom: variables, files, profiles and organizations.

use insta::assert_snapshot;

use crate::harness::TestServer;

use super::Person;

/// A profile of the administrator of `server`.
fn profile(server: &TestServer, secret: &str) -> String {
    format!(
        "[profiles.default]\nurl = 'http://{}'\nclient_id = '{}'\n{secret}\n",
        server.address, server.admin.id
    )
}

#[tokio::test]
async fn a_profile_is_all_that_is_needed() {
    let server = TestServer::start().await;
    // Without any certificates too, as in a small container: this server is on loopback.
    let person = Person::new()
        .with("SSL_CERT_FILE", "/nowhere")
        .with("SSL_CERT_DIR", "/nowhere");
    let secret = format!("client_secret = '{}'", server.admin.secret);
    person.write(
        ".config/ostler/config.toml",
        &profile(&server, &secret),
        0o600,
    );
    person.run("account get administrator -o id").await.data();

    // Any file is one too, when its name has a slash in it; the secret may be in one beside it.
    person.write(
        "elsewhere/p.toml",
        &profile(&server, "client_secret_file = 'key'"),
        0o600,
    );
    person.write(
        "elsewhere/key",
        &format!("{}\n", server.admin.secret),
        0o600,
    );
    let elsewhere = Person::new().with("HOME", "/nowhere").with(
        "OSTLER_PROFILE",
        person.home().join("elsewhere/p.toml").to_str().unwrap(),
    );
    elsewhere
        .run("account get administrator -o id")
        .await
        .data();
}

#[tokio::test]
async fn a_profile_that_others_can_read_is_refused() {
    let server = TestServer::start().await;
    let person = Person::new();
    let secret = format!("client_secret = '{}'", server.admin.secret);
    person.write("p.toml", &profile(&server, &secret), 0o644);
    assert_snapshot!(person.run("account list --profile ./p.toml").await.screen(), @"
    ! error: ./p.toml can be read by others (its mode is 0644), and may hold secrets
    !   fix: chmod 600 ./p.toml
    exit 1
    ");
}

#[tokio::test]
async fn a_secret_comes_from_standard_input_or_a_file() {
    let server = TestServer::start().await;
    let person = Person::at(&server).with("OSTLER_CLIENT_ID", &server.admin.id);
    let from_stdin = ["account", "list", "-o", "id", "--client-secret-file", "-"];
    person
        .run_with_input(&from_stdin, &server.admin.secret)
        .await
        .data();

    person.write("secret", &server.admin.secret, 0o600);
    let person = person.with("OSTLER_CLIENT_SECRET_FILE", "secret");
    assert_eq!(person.run("account list -o id").await.stderr, "");

    // A secret store's file may be readable by a group; that is worth a word.
    person.write("secret", &server.admin.secret, 0o640);
    let ran = person.run("account list -o id").await;
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_snapshot!(ran.stderr, @"warning: secret can be read by others (its mode is 0640)");
}

#[tokio::test]
async fn nobody_is_told_how_to_be_somebody() {
    let server = TestServer::start().await;
    let person = Person::at(&server);
    assert_snapshot!(person.run("account list").await.screen(), @"
    ! error: no identity is named
    !   fix: set OSTLER_CLIENT_ID and OSTLER_CLIENT_SECRET (or OSTLER_CLIENT_SECRET_FILE), set OSTLER_TOKEN, or use a profile
    exit 4
    ");
    let person = person.with("OSTLER_CLIENT_ID", "sac_x");
    assert_snapshot!(person.run("account list").await.screen(), @"
    ! error: there is no secret for the client sac_x
    !   fix: set OSTLER_CLIENT_SECRET or OSTLER_CLIENT_SECRET_FILE, or give --client-secret-file FILE (- reads standard input)
    exit 4
    ");
}

#[tokio::test]
async fn a_password_in_a_url_is_refused_and_not_repeated() {
    let url = "https://robot:hunter2@auth.example.com";
    let person = Person::new();
    let line = format!("account list --url {url}");
    assert_snapshot!(person.run(&line).await.screen(), @"
    ! error: the server's URL carries a user name or password: there is an `@` in it
    !   whoever sees the URL sees the password, and no server of ours asks for one there
    !   fix: write what is behind the `@` only, as https://HOST, and say who you are with OSTLER_CLIENT_ID and OSTLER_CLIENT_SECRET_FILE (ostler help environment)
    exit 2
    ");

    let profile = format!("[profiles.default]\nurl = '{url}'\n");
    person.write("p.toml", &profile, 0o600);
    let good = "--url https://auth.example.com";
    let by_variable = Person::new().with("OSTLER_URL", url);
    for (person, line) in [
        (&person, format!("account list --url {url} --curl")),
        (
            &person,
            format!("account create ci-deployer --url {url} --dry-run"),
        ),
        (&person, format!("account list {good} --admin-url {url}")),
        (&person, "account list --profile ./p.toml".to_owned()),
        (&person, format!("token get --url {url} --curl")),
        (&person, format!("report leak --url {url} p.toml")),
        // Wrong in another way too, in which it would be shown.
        (&person, "account list --url robot:hunter2@auth".to_owned()),
        (
            &person,
            "account list --url https://r:hunter2$@auth".to_owned(),
        ),
        (
            &person,
            "account list --url https://r:hunter2?@auth".to_owned(),
        ),
        (&by_variable, "account list".to_owned()),
    ] {
        let ran = person.run(&line).await;
        assert_eq!(ran.code, Some(2), "{line}: {ran}");
        assert!(!ran.screen().contains("hunter2"), "{line}: {ran}");
        assert!(ran.stderr.contains("behind the `@`"), "{line}: {ran}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_refused_without_being_repeated() {
    let server = TestServer::start().await;
    let client = server
        .client_with("ci-deployer", serde_json::json!([]))
        .await;
    let mistyped = client.with_secret(&client.secret.replace("ostler_cs_", "ostler_cs_A"));
    assert_snapshot!(Person::as_client(&server, &mistyped).run("account list").await.screen(), @"
    ! error: the client secret is not whole: its form or its checksum is wrong
    !   fix: copy it again, from `ostler_cs_` to its 59th character
    exit 4
    ");

    // Whole, but of another client.
    let anothers = server.admin.with_id(&client.id);
    let ran = Person::as_client(&server, &anothers)
        .run("account list")
        .await;
    assert_snapshot!(ran.screen(), @"
    ! error: client authentication failed (invalid_client)
    !   fix: look at the client id and its secret: they may be mistyped, expired, revoked or disabled. The server's log has the reason
    !   request: req_ID
    exit 4
    ");
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let server = TestServer::start().await;
    let client = server
        .client_with("ci-deployer", serde_json::json!([]))
        .await;
    let robot = Person::as_client(&server, &client);
    assert_snapshot!(robot.run("account list").await.screen(), @"
    ! error: the client sac_ID may not use the admin API
    !   fix: have an administrator give its account a role: ostler account roles set ACCOUNT operator
    !   request: req_ID
    exit 4
    ");

    let admin = Person::administrator(&server);
    admin
        .run("account roles set ci-deployer auditor")
        .await
        .data();
    assert_snapshot!(robot.run("account create another-robot").await.screen(), @"
    ! error: the token does not hold `accounts:write` here (forbidden)
    !   request: req_ID
    exit 4
    ");
}

#[tokio::test]
async fn a_token_is_an_identity_too() {
    let server = TestServer::start().await;
    let admin = Person::administrator(&server);
    let token = admin.run("token get").await.data().trim().to_owned();
    let bearer = Person::at(&server).with("OSTLER_TOKEN", &token);
    bearer.run("account list").await.data();
    assert_snapshot!(bearer.run("token get").await.screen(), @"
    ! error: a token cannot be exchanged for another one
    !   fix: unset OSTLER_TOKEN, and name a client id and its secret
    exit 2
    ");
}
