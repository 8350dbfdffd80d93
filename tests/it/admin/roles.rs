//! `/organizations/{org}/roles`

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::harness::TestServer;

use super::actors::ACCOUNTS;
use super::actors::Administrator;
use super::actors::GROUPS;
use super::actors::ROLES;
use super::actors::at;
use super::actors::deploy;
use super::actors::mistakes;
use super::actors::ostler;
use super::actors::refusal;
use super::actors::shown_body;

fn role(rest: &str) -> String {
    format!("{ROLES}/{rest}")
}

#[tokio::test]
async fn a_role_is_made_shown_edited_and_deleted() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let grant = deploy(&["deploy:read"], &json!(["APOLLO"]));
    let body = json!({"name": "deployer", "description": "Deploys.", "access": [grant]});

    let made = admin.post(ROLES, body).await;
    assert_eq!(made.status, 201);
    assert_snapshot!(shown_body(&made), @r#"
    {
      "id": "role_...",
      "name": "deployer",
      "description": "Deploys.",
      "access": [
        {
          "api": "deploy",
          "scopes": [
            "deploy:read"
          ],
          "resources": {
            "project": [
              "APOLLO"
            ]
          }
        }
      ],
      "built_in": false
    }
    "#);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    for name in ["deployer", &id] {
        assert_eq!(admin.get(&role(name)).await.json(), made.json(), "{name}");
    }

    // RFC 7396: what is not said stays.
    let all = deploy(&["deploy:read", "deploy:write"], &json!("*"));
    let edited = admin
        .patch(&role("deployer"), json!({"access": [all]}))
        .await;
    assert_eq!(
        (edited.status, &edited.json()["access"]),
        (200, &json!([all]))
    );
    assert_eq!(edited.json()["description"], "Deploys.");
    let edited = admin.patch(&role(&id), json!({"description": null})).await;
    assert_eq!(edited.json()["description"], Value::Null);
    assert_eq!(edited.json()["access"], json!([all]));
    assert_eq!(admin.get(&role("deployer")).await.json(), edited.json());

    assert_eq!(admin.delete(&role("deployer")).await.status, 204);
    assert_eq!(
        refusal(&admin.get(&role(&id)).await),
        (404, "not_found".into())
    );
    let again = admin.post(ROLES, json!({"name": "deployer"})).await;
    assert_eq!((again.status, &again.json()["access"]), (201, &json!([])));
}

// Contract, section 3: three roles are built in code.
#[tokio::test]
async fn the_built_in_roles_are_listed_and_stay_as_they_are() {
    let server = TestServer::start().await;
    let admin = Administrator::first(&server).await;
    admin.post(ROLES, json!({"name": "another"})).await;

    let listed = admin.get(ROLES).await.json();
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&listed), ["owner", "operator", "auditor", "another"]);
    let first = admin.get(&format!("{ROLES}?limit=2")).await.json();
    assert_eq!(names(&first), ["owner", "operator"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = admin
        .get(&format!("{ROLES}?limit=2&cursor={cursor}"))
        .await
        .json();
    assert_eq!(names(&rest), ["auditor", "another"]);
    assert_eq!(rest["next_cursor"], Value::Null);

    let organization = admin.get("/organizations/default").await.json();
    for name in ["owner", "operator", "auditor"] {
        let shown = admin.get(&role(name)).await.json();
        assert_eq!(shown["built_in"], true, "{name}");
        let grant = &shown["access"][0];
        assert_eq!(grant["api"], "ostler");
        assert_eq!(
            grant["resources"]["organization"],
            json!([organization["id"]])
        );
        let id = shown["id"].as_str().unwrap();
        for named in [name, id] {
            let edit = json!({"description": "mine", "access": []});
            let edited = admin.patch(&role(named), edit).await;
            assert_eq!(refusal(&edited), (409, "wrong_state".into()), "{named}");
            for query in ["", "?force=true"] {
                let deleted = admin.delete(&role(&format!("{named}{query}"))).await;
                assert_eq!(refusal(&deleted), (409, "wrong_state".into()), "{named}");
            }
        }
        let taken = admin.post(ROLES, json!({"name": name})).await;
        assert_eq!(refusal(&taken), (409, "name_taken".into()), "{name}");
        assert_eq!(admin.get(&role(name)).await.json(), shown);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_role_is_said_where_it_stands() {
    let server = TestServer::start().await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let wrong = json!({
        "access": [
            {"api": "deploi", "scopes": ["deploy:read"], "resources": {}},
            {"api": "deploy", "scopes": ["deploy:raed"], "resources": {"project": ["NONE"]}},
        ],
    });
    let expected = [
        at("/access/1/scopes/0", "unknown_scope"),
        at("/access/0/api", "unknown_api"),
        at("/access/1/resources/project/0", "unknown_resource"),
    ];
    admin.post(ROLES, json!({"name": "deployer"})).await;
    let mut new = wrong.clone();
    new["name"] = json!("another");
    assert_eq!(mistakes(&admin.post(ROLES, new).await), expected);
    assert_eq!(
        mistakes(&admin.patch(&role("deployer"), wrong).await),
        expected
    );

    for (body, mistake) in [
        (json!({}), at("/name", "required")),
        (json!({"name": "Deployer"}), at("/name", "invalid")),
        (json!({"name": "role_1"}), at("/name", "invalid")),
        (json!({"name": "x", "id": "role_1"}), at("/id", "read_only")),
        (
            json!({"name": "x", "members": []}),
            at("/members", "unknown_field"),
        ),
    ] {
        let reply = admin.post(ROLES, body.clone()).await;
        assert_eq!(mistakes(&reply), [mistake], "{body}");
    }
    let edit = admin
        .patch(&role("deployer"), json!({"access": null}))
        .await;
    assert_eq!(mistakes(&edit), [at("/access", "wrong_type")]);
    let taken = admin.post(ROLES, json!({"name": "deployer"})).await;
    assert_eq!(refusal(&taken), (409, "name_taken".into()));
    let unknown = admin.patch(&role("nothing"), json!({"name": 1})).await;
    assert_eq!(refusal(&unknown), (404, "not_found".into()));
}

// Contract, section 3: names are accepted wherever ids are.
#[tokio::test]
async fn an_account_has_roles_by_their_names_or_ids() {
    let server = TestServer::start().await;
    let client = server.client("nightly", "deploy:read").await;
    let admin = Administrator::first(&server).await;
    let grant = deploy(&["deploy:write"], &json!("*"));
    let made = admin
        .post(ROLES, json!({"name": "writer", "access": [grant]}))
        .await;
    let roles = format!("{ACCOUNTS}/nightly/roles");

    let body = json!({"roles": [made.json()["id"], "auditor", "writer"]});
    let reply = admin.put(&roles, body).await;
    assert_eq!(
        reply.json(),
        json!({"roles": ["auditor", "writer"], "tokens_revoked": false})
    );
    assert_eq!(
        admin.get(&roles).await.json(),
        json!({"roles": ["auditor", "writer"]})
    );
    let account = admin.get(&format!("{ACCOUNTS}/nightly")).await.json();
    assert_eq!(account["roles"], json!(["auditor", "writer"]));
    client.token("deploy:write").await;

    let misspelt = admin.put(&roles, json!({"roles": ["writre"]})).await;
    assert_eq!(mistakes(&misspelt), [at("/roles/0", "unknown_role")]);
    let hint = misspelt.json()["errors"][0]["hint"].clone();
    assert_eq!(hint, "did you mean `writer`?");
    let body = json!({"name": "another-one", "roles": ["writer"]});
    let made = admin.post(ACCOUNTS, body).await;
    assert_eq!(
        (made.status, &made.json()["roles"]),
        (201, &json!(["writer"]))
    );
}

#[tokio::test]
async fn a_role_in_use_is_deleted_only_by_force() {
    let server = TestServer::start().await;
    let client = server.client_with("nightly", json!([])).await;
    server.ensure_deploy_api().await;
    let admin = Administrator::first(&server).await;
    let grant = deploy(&["deploy:read"], &json!("*"));
    admin
        .post(ROLES, json!({"name": "reader", "access": [grant]}))
        .await;
    admin
        .put(
            &format!("{ACCOUNTS}/nightly/roles"),
            json!({"roles": ["reader"]}),
        )
        .await;
    admin
        .post(GROUPS, json!({"name": "crew", "roles": ["reader"]}))
        .await;
    let token = client.token("").await;

    let refused = admin.delete(&role("reader")).await;
    assert_snapshot!(shown_body(&refused), @r#"
    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "the role is in use by service account `nightly`, group `crew`: take it from them first, or all at once with `?force=true`",
      "code": "in_use",
      "request_id": "req_...",
      "errors": [],
      "holders": [
        {
          "type": "service_account",
          "id": "sa_...",
          "name": "nightly"
        },
        {
          "type": "group",
          "id": "grp_...",
          "name": "crew"
        }
      ]
    }
    "#);
    assert!(client.sees_active(&token).await);
    let odd = admin.delete(&role("reader?force=yes")).await;
    assert_eq!(refusal(&odd), (400, "validation_failed".into()));

    assert_eq!(admin.delete(&role("reader?force=true")).await.status, 204);
    assert!(!server.admin.sees_active(&token).await);
    let roles = admin.get(&format!("{ACCOUNTS}/nightly/roles")).await;
    assert_eq!(roles.json(), json!({"roles": []}));
    let group = admin.get(&format!("{GROUPS}/crew")).await.json();
    assert_eq!(group["roles"], json!([]));
}

#[tokio::test]
async fn roles_and_groups_take_their_own_scopes() {
    let server = TestServer::start().await;
    let here = json!(["default"]);
    let grant = ostler(&["accounts:read"], &here);
    let reader = Administrator::with(&server, "only-reads", json!([grant])).await;
    let grant = ostler(&["access:write"], &here);
    let writer = Administrator::with(&server, "only-writes", json!([grant])).await;
    let forbidden = (403, "forbidden".to_owned());
    for path in [ROLES, GROUPS] {
        let one = format!("{path}/one");
        assert_eq!(writer.post(path, json!({"name": "one"})).await.status, 201);
        assert_eq!(refusal(&writer.get(path).await), forbidden);
        assert_eq!(refusal(&writer.get(&one).await), forbidden);
        assert_eq!(reader.get(path).await.status, 200);
        assert_eq!(reader.get(&one).await.status, 200);
        assert_eq!(
            refusal(&reader.post(path, json!({"name": "two"})).await),
            forbidden
        );
        assert_eq!(refusal(&reader.patch(&one, json!({})).await), forbidden);
        assert_eq!(refusal(&reader.delete(&one).await), forbidden);
    }
    let members = format!("{GROUPS}/one/members");
    let member = format!("{members}/only-reads");
    assert_eq!(refusal(&writer.get(&members).await), forbidden);
    assert_eq!(reader.get(&members).await.status, 200);
    assert_eq!(refusal(&reader.call("PUT", &member, None).await), forbidden);
    assert_eq!(refusal(&reader.delete(&member).await), forbidden);
}
