//! Lists by filters and in an order. Contract, section 3.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use url::form_urlencoded;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::refusal;

const DAY: Duration = Duration::from_hours(24);

/// The names of the accounts that meet a query, sorted.
async fn names(server: &TestServer, query: &str) -> Vec<String> {
    let mut names = names_in(server, &format!("{ACCOUNTS}?{query}")).await;
    names.sort();
    names
}

/// The names in a list, in its order.
async fn names_in(server: &TestServer, path: &str) -> Vec<String> {
    let reply = server.admin("GET", path, None).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.wire());
    let answer = reply.json();
    let items = answer["items"].as_array().unwrap().iter();
    items
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

/// A text as it stands in a query or a path.
fn encoded(text: &str) -> String {
    let parts = form_urlencoded::byte_serialize(text.as_bytes());
    parts.collect::<String>().replace('+', "%20")
}

async fn account(server: &TestServer, body: Value) {
    server.create(ACCOUNTS, body).await;
}

#[tokio::test]
async fn accounts_are_found_by_how_they_stand_at_this_second() {
    let server = TestServer::start().await;
    account(
        &server,
        json!({"name": "passing", "expires_at": "2026-03-02T12:00:00Z"}),
    )
    .await;
    account(&server, json!({"name": "stopped"})).await;
    server
        .act(&format!("{ACCOUNTS}/stopped/disable"), json!({}))
        .await;
    assert_eq!(
        names(&server, "status=active").await,
        ["administrator", "passing"]
    );
    assert_eq!(names(&server, "status=disabled").await, ["stopped"]);
    assert!(names(&server, "status=expired").await.is_empty());

    server.advance(DAY.saturating_sub(Duration::from_secs(1)));
    assert!(names(&server, "status=expired").await.is_empty());
    server.advance(Duration::from_secs(1));
    assert_eq!(names(&server, "status=expired").await, ["passing"]);
    assert_eq!(names(&server, "status=active").await, ["administrator"]);
}

#[tokio::test]
async fn accounts_are_found_by_a_part_of_what_people_wrote_and_by_their_owner() {
    let server = TestServer::start().await;
    let description = "Copies 100%_of it, nightly";
    account(
        &server,
        json!({"name": "Copy-Bot", "description": description, "owner": "team-a@example.com"}),
    )
    .await;
    account(&server, json!({"name": "other-bot", "owner": "Team-B"})).await;
    for (query, expected) in [
        ("q=BOT", &["Copy-Bot", "other-bot"][..]),
        ("q=copy-b", &["Copy-Bot"]),
        ("q=NIGHTLY", &["Copy-Bot"]),
        ("q=team-b", &["other-bot"]),
        (
            "q=%40default.serviceaccount",
            &["Copy-Bot", "administrator", "other-bot"],
        ),
        // What LIKE takes for a wildcard is a character like any other.
        ("q=100%25_of", &["Copy-Bot"]),
        ("q=1__%25_of", &[]),
        ("q=%5C", &[]),
        ("owner=team-a%40example.com", &["Copy-Bot"]),
        ("owner=team-a", &[]),
        ("owner=Team-B&q=copy", &[]),
    ] {
        assert_eq!(names(&server, query).await, expected, "{query}");
    }
    let id = server.id_of(&format!("{ACCOUNTS}/other-bot")).await;
    assert_eq!(names(&server, &format!("q={id}")).await, ["other-bot"]);
}

// Databases fold little beyond ASCII.
#[tokio::test]
async fn what_people_wrote_has_no_case_in_any_script() {
    let server = TestServer::start().await;
    let description = "École de Zürich ÜBER";
    let body = json!({
        "name": "copy-bot",
        "description": description,
        "credential": {"name": "Schlüssel ΟΔΟΣ"},
    });
    account(&server, body).await;
    let credentials = "/organizations/default/credentials?";
    for wanted in ["École", "école", "ÉCOLE", "ÜBER", "über", "ZÜRICH über"] {
        let found = names(&server, &format!("q={}", encoded(wanted))).await;
        assert_eq!(found, ["copy-bot"], "{wanted}");
    }
    assert!(names(&server, "q=ecole").await.is_empty());
    for wanted in ["SCHLÜSSEL", "schlüssel", "οδος", "οδοσ"] {
        let path = format!("{credentials}q={}", encoded(wanted));
        assert_eq!(
            names_in(&server, &path).await,
            ["Schlüssel ΟΔΟΣ"],
            "{wanted}"
        );
    }

    // What is edited is found as it is now.
    let account = format!("{ACCOUNTS}/copy-bot");
    let credential = format!("{account}/credentials/{}", encoded("Schlüssel ΟΔΟΣ"));
    for (path, edit) in [
        (account, json!({"description": null, "owner": "Ærø"})),
        (credential, json!({"name": "ÅSE"})),
    ] {
        let edited = server.admin("PATCH", &path, Some(&edit)).await;
        assert_eq!(edited.status, 200, "{}", edited.wire());
    }
    let [school, island, name] = ["école", "ÆRØ", "åse"].map(encoded);
    assert!(names(&server, &format!("q={school}")).await.is_empty());
    assert_eq!(names(&server, &format!("q={island}")).await, ["copy-bot"]);
    let found = names_in(&server, &format!("{credentials}q={name}")).await;
    assert_eq!(found, ["ÅSE"]);
}

#[tokio::test]
async fn accounts_are_found_by_what_one_grant_of_theirs_holds() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let grant = |scope: &str, projects: Value| json!({"api": "deploy", "scopes": [scope], "resources": {"project": projects}});
    for (name, access) in [
        ("reader", json!([grant("deploy:read", json!(["APOLLO"]))])),
        ("writer", json!([grant("deploy:write", json!("*"))])),
        (
            "divided",
            json!([
                grant("deploy:read", json!(["APOLLO"])),
                grant("deploy:write", json!(["GEMINI"])),
            ]),
        ),
        ("nobody", json!([])),
    ] {
        account(&server, json!({"name": name, "access": access})).await;
    }
    account(&server, json!({"name": "watcher", "roles": ["auditor"]})).await;
    for (query, expected) in [
        ("api=deploy", &["divided", "reader", "writer"][..]),
        ("scope=deploy:read", &["divided", "reader"]),
        ("resource=project:APOLLO", &["divided", "reader", "writer"]),
        ("resource=project:MERCURY", &["writer"]),
        // Never flattened: one and the same grant holds all that is asked for.
        ("scope=deploy:write&resource=project:APOLLO", &["writer"]),
        (
            "scope=deploy:write&resource=project:GEMINI",
            &["divided", "writer"],
        ),
        ("api=ostler&scope=deploy:read", &[]),
        ("api=ostler", &["administrator", "watcher"]),
        ("api=ostler&scope=audit:read", &["administrator", "watcher"]),
        ("api=ostler&scope=keys:write", &["administrator"]),
        ("scope=nothing:like-it", &[]),
    ] {
        assert_eq!(names(&server, query).await, expected, "{query}");
    }
    let api = server.id_of("/organizations/default/apis/deploy").await;
    assert_eq!(names(&server, &format!("api={api}")).await.len(), 3);
}

#[tokio::test]
async fn accounts_are_found_by_what_they_hold_by_roles_and_groups() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let grant = json!({
        "api": "deploy",
        "scopes": ["deploy:write"],
        "resources": {"project": ["APOLLO"]},
    });
    let role = json!({"name": "deployers", "access": [grant]});
    server.create("/organizations/default/roles", role).await;
    let group = json!({"name": "night-shift", "roles": ["deployers"]});
    server.create("/organizations/default/groups", group).await;
    account(&server, json!({"name": "by-role", "roles": ["deployers"]})).await;
    account(&server, json!({"name": "by-group"})).await;
    account(&server, json!({"name": "by-nothing"})).await;
    let member = "/organizations/default/groups/night-shift/members/by-group";
    let reply = server.admin("PUT", member, None).await;
    assert!(reply.status < 300, "{}", reply.wire());
    for (query, expected) in [
        ("api=deploy", &["by-group", "by-role"][..]),
        ("scope=deploy:write", &["by-group", "by-role"]),
        (
            "api=deploy&scope=deploy:write&resource=project:APOLLO",
            &["by-group", "by-role"],
        ),
        ("resource=project:GEMINI", &[]),
        ("scope=deploy:read", &[]),
    ] {
        assert_eq!(names(&server, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn accounts_are_found_by_when_they_end() {
    let server = TestServer::start().await;
    for (name, end) in [
        ("sooner", "2026-03-15T12:00:00Z"),
        ("later-on", "2026-03-15T12:00:01Z"),
    ] {
        account(&server, json!({"name": name, "expires_at": end})).await;
    }
    account(&server, json!({"name": "forever"})).await;
    // The clock stands at 2026-03-01T12:00:00Z.
    assert_eq!(names(&server, "expires_within=14d").await, ["sooner"]);
    assert_eq!(names(&server, "expires_within=336h").await, ["sooner"]);
    server.advance(Duration::from_secs(1));
    assert_eq!(
        names(&server, "expires_within=14d").await,
        ["later-on", "sooner"]
    );
    server.advance((14 * DAY).saturating_sub(Duration::from_secs(1)));
    assert_eq!(names(&server, "expires_within=14d").await, ["later-on"]);
}

#[tokio::test]
async fn credentials_are_found_by_when_the_secret_ends_that_still_works() {
    let server = TestServer::start().await;
    let path = format!("{ACCOUNTS}/copy-bot/credentials");
    account(&server, json!({"name": "copy-bot"})).await;
    let days = |days: u64| days * DAY.as_secs();
    for (name, lifetime) in [("ending", 10), ("taken-back", 10), ("later-on", 20)] {
        let body = json!({"name": name, "expires_in_seconds": days(lifetime)});
        server.create(&path, body).await;
    }
    server
        .act(&format!("{path}/taken-back/revoke"), json!({}))
        .await;
    let within = "/organizations/default/credentials?sort=expires_at&expires_within=14d";
    assert_eq!(names_in(&server, within).await, ["ending"]);

    // With a secret that takes its place it lives on, and without that one it ends again.
    let rotation = json!({"overlap_seconds": days(9), "expires_in_seconds": days(100)});
    let rotated = server.act(&format!("{path}/ending/rotate"), rotation).await;
    assert_eq!(rotated["expires_at"], "2026-06-09T12:00:00Z");
    assert!(names_in(&server, within).await.is_empty());
    let newest = rotated["secrets"][1]["id"].as_str().unwrap();
    server
        .delete(&format!("{path}/ending/secrets/{newest}?force=true"))
        .await;
    assert_eq!(names_in(&server, within).await, ["ending"]);
    let shown = server
        .admin("GET", &format!("{path}/ending"), None)
        .await
        .json();
    assert_eq!(shown["expires_at"], "2026-03-10T12:00:00Z");
}

// Contract, section 3: the end is that of the newest secret, and nothing has ended that still works.
#[tokio::test]
async fn a_credential_whose_newest_secret_has_ended_ends_with_the_one_that_is_left() {
    let server = TestServer::start().await;
    account(&server, json!({"name": "copy-bot"})).await;
    let path = format!("{ACCOUNTS}/copy-bot/credentials");
    let hour = 60 * 60;
    for (name, hours) in [("outlived", 1_000), ("early", 2), ("late", 5), ("ended", 1)] {
        let body = json!({"name": name, "expires_in_seconds": hours * hour});
        server.create(&path, body).await;
    }
    let rotation = json!({"overlap_seconds": 4 * hour, "expires_in_seconds": 3 * hour});
    let outlived = format!("{path}/outlived");
    let rotated = server.act(&format!("{outlived}/rotate"), rotation).await;
    assert_eq!(rotated["expires_at"], "2026-03-01T15:00:00Z");
    let listed = async |query: &str| {
        let mut found = Vec::new();
        for list in [&path, "/organizations/default/credentials"] {
            let list = format!("{list}?{query}&limit=1");
            let (mut names, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = server
                    .admin("GET", &format!("{list}{cursor}"), None)
                    .await
                    .json();
                let items = page["items"].as_array().unwrap().iter();
                let found = items.map(|item| item["name"].as_str().unwrap().to_owned());
                // That of who administers is in the organization as well.
                names.extend(found.filter(|name| name != "init"));
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            found.push(names.join(" "));
        }
        assert_eq!(found[0], found[1], "{query}");
        found.remove(0)
    };
    assert_eq!(listed("sort=expires_at").await, "ended early outlived late");
    assert_eq!(
        listed("expires_within=3h&sort=expires_at").await,
        "ended early outlived"
    );
    let of_kind = "/findings?kind=expiring_soon&organization=default&limit=200";
    let found = async || {
        let findings = server.admin("GET", of_kind, None).await.json();
        let mut ends = findings["items"].as_array().unwrap().iter();
        let about = |one: &&Value| one["subject"]["name"] == "outlived";
        ends.find(about)
            .map(|one| one["evidence"]["ends_at"].clone())
    };
    assert_eq!(found().await, Some(json!("2026-03-01T15:00:00Z")));

    // The newest is over, and the old one works for another hour.
    server.advance(Duration::from_hours(3));
    let shown = server.admin("GET", &outlived, None).await.json();
    assert_eq!(
        (&shown["status"], &shown["expires_at"]),
        (&json!("active"), &json!("2026-03-01T16:00:00Z"))
    );
    assert_eq!(found().await, Some(json!("2026-03-01T16:00:00Z")));
    assert_eq!(listed("expires_within=1h").await, "outlived");
    assert_eq!(
        listed("expires_within=1h&sort=expires_at").await,
        "outlived"
    );
    assert_eq!(
        listed("expires_within=2h&sort=-expires_at").await,
        "late outlived"
    );
    assert_eq!(listed("sort=expires_at").await, "ended early outlived late");
    assert_eq!(
        listed("sort=-expires_at").await,
        "late outlived early ended"
    );

    server.advance(Duration::from_hours(1));
    let shown = server.admin("GET", &outlived, None).await.json();
    assert_eq!(
        (&shown["status"], &shown["expires_at"]),
        (&json!("expired"), &json!("2026-03-01T16:00:00Z"))
    );
    assert_eq!(found().await, None);
    assert_eq!(listed("expires_within=2h").await, "late");
}

#[tokio::test]
async fn accounts_are_found_by_how_long_nothing_used_them() {
    let server = TestServer::start().await;
    let body = json!({
        "name": "busy-bot",
        "roles": ["auditor"],
        "credential": {"name": "first", "expires_in_seconds": null},
    });
    let busy = server.client_of(&server.create(ACCOUNTS, body).await);
    account(&server, json!({"name": "never-used"})).await;
    server.advance(DAY);
    busy.token("").await;
    server.advance(89 * DAY);
    assert_eq!(names(&server, "unused_for=90d").await, ["never-used"]);
    server.advance(DAY.saturating_sub(Duration::from_secs(1)));
    assert_eq!(names(&server, "unused_for=90d").await, ["never-used"]);
    server.advance(Duration::from_secs(1));
    for order in [
        "",
        "&sort=name",
        "&sort=last_used_at",
        "&sort=-last_used_at",
    ] {
        let found = names(&server, &format!("unused_for=90d{order}")).await;
        assert_eq!(found, ["busy-bot", "never-used"], "{order}");
    }
    // A use counts at once, and one that is made just now has not been unused for long.
    account(&server, json!({"name": "newcomer"})).await;
    busy.token("").await;
    assert_eq!(names(&server, "unused_for=90d").await, ["never-used"]);
}

#[tokio::test]
async fn accounts_are_listed_in_each_order_page_by_page() {
    let server = TestServer::start().await;
    let bravo = server.client("Bravo-bot", "deploy:read").await;
    for (name, end) in [
        ("delta-bot", json!("2026-06-01T00:00:00Z")),
        ("alpha-bot", json!(null)),
        ("charlie-bot", json!("2026-05-01T00:00:00Z")),
    ] {
        server.advance(Duration::from_secs(1));
        account(&server, json!({"name": name, "expires_at": end})).await;
    }
    server.advance(Duration::from_secs(1));
    bravo.token("").await;
    server.advance(Duration::from_secs(1));
    for (sort, expected) in [
        (
            "name",
            ["alpha-bot", "Bravo-bot", "charlie-bot", "delta-bot"],
        ),
        (
            "created_at",
            ["Bravo-bot", "delta-bot", "alpha-bot", "charlie-bot"],
        ),
        // Those that were never used come first, in the order of their ids.
        (
            "last_used_at",
            ["delta-bot", "alpha-bot", "charlie-bot", "Bravo-bot"],
        ),
        // Those that never end come last.
        (
            "expires_at",
            ["charlie-bot", "delta-bot", "Bravo-bot", "alpha-bot"],
        ),
    ] {
        let mut expected = expected.to_vec();
        let path = format!("{ACCOUNTS}?q=-bot&sort={sort}");
        assert_eq!(names_in(&server, &path).await, expected, "{sort}");
        assert_eq!(paged(&server, &path).await, expected, "{sort}");
        expected.reverse();
        let path = format!("{ACCOUNTS}?q=-bot&sort=-{sort}");
        assert_eq!(paged(&server, &path).await, expected, "-{sort}");
    }
}

/// The names of a list that is read one by one.
async fn paged(server: &TestServer, path: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let reply = server
            .admin("GET", &format!("{path}&limit=1{cursor}"), None)
            .await;
        assert_eq!(reply.status, 200, "{}", reply.wire());
        let page = reply.json();
        let items = page["items"].as_array().unwrap().iter();
        found.extend(items.map(|item| item["name"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn an_ordered_list_goes_on_after_inserts_without_a_gap_or_a_repetition() {
    let server = TestServer::start().await;
    for name in ["bravo-bot", "delta-bot", "foxtrot-bot"] {
        account(&server, json!({"name": name})).await;
    }
    let path = format!("{ACCOUNTS}?q=-bot&sort=name");
    let first = server
        .admin("GET", &format!("{path}&limit=2"), None)
        .await
        .json();
    let cursor = first["next_cursor"].as_str().unwrap();
    // Before, after, and the very item that the cursor points after.
    account(&server, json!({"name": "alpha-bot"})).await;
    account(&server, json!({"name": "echo-bot"})).await;
    server.delete(&format!("{ACCOUNTS}/delta-bot")).await;
    let rest = names_in(&server, &format!("{path}&cursor={cursor}")).await;
    assert_eq!(rest, ["echo-bot", "foxtrot-bot"]);
}

// Security case 89.
#[tokio::test]
async fn a_cursor_is_good_for_its_own_filters_and_order_only() {
    let server = TestServer::start().await;
    for name in ["bravo-bot", "delta-bot"] {
        account(&server, json!({"name": name})).await;
    }
    let admin = Administrator::first(&server).await;
    let page = admin.get(&format!("{ACCOUNTS}?sort=name&limit=1")).await;
    let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
    for query in [
        "",
        "sort=-name&",
        "sort=created_at&",
        "sort=name&status=active&",
        "sort=name&q=bot&",
    ] {
        let reply = admin
            .get(&format!("{ACCOUNTS}?{query}cursor={cursor}"))
            .await;
        assert_eq!(
            refusal(&reply),
            (400, "validation_failed".into()),
            "{query}"
        );
    }
    let reply = admin
        .get(&format!("{ACCOUNTS}?sort=name&cursor={cursor}"))
        .await;
    assert_eq!(reply.status, 200);
}

// P9.
#[tokio::test]
async fn no_bytes_in_a_filter_are_more_than_a_mistake() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    for name in [
        "status",
        "q",
        "owner",
        "api",
        "scope",
        "resource",
        "unused_for",
        "expires_within",
        "sort",
        "limit",
        "cursor",
    ] {
        for odd in [
            "",
            "%00",
            "%FF%FE",
            "%0A",
            "%F0%9F%90%B4",
            "'%3B%20DROP%20TABLE%20service_account%3B--",
            "-",
            "--name",
            "project:",
            ":",
            "99999999999999999999999999d",
            &"x".repeat(3_000),
        ] {
            let reply = admin.get(&format!("{ACCOUNTS}?{name}={odd}")).await;
            let fine = reply.status == 200 && ["q", "owner", "scope"].contains(&name);
            if !fine {
                assert_eq!(reply.status, 400, "{name}={odd}: {}", reply.wire());
                let detail = reply.json()["detail"].as_str().unwrap().to_owned();
                assert!(detail.contains(&format!("`{name}`")), "{detail}");
            }
        }
    }
    let twice = admin.get(&format!("{ACCOUNTS}?q=a&q=b")).await;
    assert_eq!(refusal(&twice), (400, "validation_failed".into()));
    let unknown = admin.get(&format!("{ACCOUNTS}?api=nowhere")).await;
    assert_eq!(unknown.json()["detail"], "`api`: there is no API `nowhere`");
}
