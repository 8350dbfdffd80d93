//! An act, as requests and the answers to them.

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::harness::Reply;
use crate::harness::TestClient;

use super::access::Access;
use super::access::Api;
use super::access::Keys;
use super::access::Role;
use super::access::to_json;
use super::decide::Issued;
use super::model::Answer;
use super::operation::Act;
use super::operation::Ask;
use super::operation::Caller;
use super::operation::Roles;
use super::sequence::Sequence;

const ACCOUNTS: &str = "/organizations/default/service-accounts";
const ROLES: &str = "/organizations/default/roles";
const GROUPS: &str = "/organizations/default/groups";

impl Sequence<'_> {
    /// Does it, with this token of the administrator where it is the administrator's to do.
    pub(super) async fn perform(&mut self, act: &Act, bearer: &str) -> Answer {
        match act {
            Act::CreateAccount {
                access,
                role,
                lifetime_secs,
            } => {
                self.create_account(access, *role, *lifetime_secs, bearer)
                    .await
            }
            Act::CreateCredential {
                account,
                narrowing,
                lifetime_secs,
            } => {
                let narrowing = narrowing.as_ref();
                self.create_credential(*account, narrowing, *lifetime_secs, bearer)
                    .await
            }
            Act::CreateApiToken {
                account,
                narrowing,
                lifetime_secs,
            } => {
                let narrowing = narrowing.as_ref();
                self.create_api_token(*account, narrowing, *lifetime_secs, bearer)
                    .await
            }
            Act::Issue(by, ask) => {
                let reply = self.client(*by).ask(&parameters(ask)).await;
                self.take(&reply)
            }
            Act::Exchange(token, ask) => {
                let token = self.api_token(*token).to_owned();
                let reply = self.stage.server().exchange(&token, &parameters(ask)).await;
                self.take(&reply)
            }
            Act::CreateRole(access) => {
                let body = json!({"name": self.stage.name("role"), "access": to_json(access)});
                let reply = self.stage.admin(bearer, "POST", ROLES, &body).await;
                if reply.status == 201 {
                    self.roles.push(text(&reply.json()["id"]));
                }
                answer_of(&reply)
            }
            Act::CreateGroup(roles) => {
                let body = json!({"name": self.stage.name("group"), "roles": self.names(roles)});
                let reply = self.stage.admin(bearer, "POST", GROUPS, &body).await;
                if reply.status == 201 {
                    self.groups.push(text(&reply.json()["id"]));
                }
                answer_of(&reply)
            }
            Act::RevokeToken(by, token) => {
                let by = by.unwrap_or(self.owner_of(*token));
                answer_of(&self.client(by).revoke(&self.tokens[*token]).await)
            }
            Act::Rotate(credential, _) => {
                let (method, path, body) = self.request_of(act);
                let reply = self.stage.admin(bearer, method, &path, &body).await;
                if reply.status == 200 {
                    let secret = text(&reply.json()["client_secret"]);
                    self.credentials[*credential].1.push(secret);
                }
                answer_of(&reply)
            }
            _ => {
                let (method, path, body) = self.request_of(act);
                answer_of(&self.stage.admin(bearer, method, &path, &body).await)
            }
        }
    }

    /// The request of an administrator that changes something existing.
    fn request_of(&self, act: &Act) -> (&'static str, String, Value) {
        let account = |number: &usize| format!("{ACCOUNTS}/{}", self.accounts[*number]);
        let credential = |number: &usize| {
            let client = &self.credentials[*number].0;
            format!(
                "{ACCOUNTS}/{}/credentials/{}",
                client.account, client.credential
            )
        };
        let role = |number: &usize| format!("{ROLES}/{}", self.roles[*number]);
        let group = |number: &usize| format!("{GROUPS}/{}", self.groups[*number]);
        let member = |number: &usize, account: &usize| {
            let account = &self.accounts[*account];
            format!("{}/members/{account}", group(number))
        };
        let nothing = json!({});
        match act {
            Act::Disable(number) => ("POST", account(number) + "/disable", nothing),
            Act::Enable(number) => ("POST", account(number) + "/enable", nothing),
            Act::DeleteAccount(number) => ("DELETE", account(number), nothing),
            Act::PutAccess(number, access) => {
                let body = json!({"access": to_json(access)});
                ("PUT", account(number) + "/access", body)
            }
            Act::PutRoles(number, roles) => {
                let body = json!({"roles": self.names(roles)});
                ("PUT", account(number) + "/roles", body)
            }
            Act::EditRole(number, access) => {
                let body = json!({"access": to_json(access)});
                ("PATCH", role(number), body)
            }
            Act::DeleteRole(number) => ("DELETE", role(number) + "?force=true", nothing),
            Act::EditGroup(number, roles) => {
                let body = json!({"roles": self.names(roles)});
                ("PATCH", group(number), body)
            }
            Act::DeleteGroup(number) => ("DELETE", group(number), nothing),
            Act::AddMember(number, account) => ("PUT", member(number, account), nothing),
            Act::RemoveMember(number, account) => ("DELETE", member(number, account), nothing),
            Act::Rotate(number, how) => {
                let body = json!({
                    "overlap_seconds": how.overlap_secs,
                    "end_overlap": how.end_overlap,
                    "revoke_tokens": how.revoke_tokens,
                });
                ("POST", credential(number) + "/rotate", body)
            }
            Act::Narrow(number, narrowing) => {
                let body = json!({"access": narrowing.as_ref().map(|access| to_json(access))});
                ("PATCH", credential(number), body)
            }
            Act::StopCredential(number) => ("POST", credential(number) + "/disable", nothing),
            Act::StartCredential(number) => ("POST", credential(number) + "/enable", nothing),
            Act::RevokeApiToken(number) => {
                let client = &self.credentials[self.api_tokens[*number]].0;
                let id = client.credential.replace("cred_", "tok_");
                let path = format!("{ACCOUNTS}/{}/api-tokens/{id}", client.account);
                ("DELETE", path, nothing)
            }
            Act::RevokeCredential(number) => ("POST", credential(number) + "/revoke", nothing),
            Act::DeleteCredential(number) => ("DELETE", credential(number), nothing),
            other => panic!("{other:?} is not a change of something existing"),
        }
    }

    /// Roles as a body names them: the built-in one by its name, the others by their ids.
    fn names(&self, roles: &Roles) -> Vec<String> {
        let built_in = roles.built_in.names().iter();
        let own = roles.own.iter().map(|role| self.roles[*role].clone());
        built_in.map(ToString::to_string).chain(own).collect()
    }

    async fn create_account(
        &mut self,
        access: &Access,
        role: Role,
        lifetime_secs: Option<i64>,
        bearer: &str,
    ) -> Answer {
        let ends_at = lifetime_secs.map(|secs| {
            let end = Timestamp::from_second(self.now().as_second() + secs);
            end.expect("an instant").to_string()
        });
        let body = json!({
            "name": self.stage.name("random"),
            "access": to_json(access),
            "roles": role.names(),
            "expires_at": ends_at,
            "credential": {"name": "first"},
        });
        let reply = self.stage.admin(bearer, "POST", ACCOUNTS, &body).await;
        if reply.status == 201 {
            let made = reply.json();
            self.accounts.push(text(&made["id"]));
            self.learn(&made);
        }
        answer_of(&reply)
    }

    async fn create_credential(
        &mut self,
        account: usize,
        narrowing: Option<&Access>,
        lifetime_secs: Option<i64>,
        bearer: &str,
    ) -> Answer {
        let mut body = json!({
            "name": format!("credential-{}", self.credentials.len()),
            "access": narrowing.map(|access| to_json(access)),
        });
        if let Some(secs) = lifetime_secs {
            body["expires_in_seconds"] = json!(secs);
        }
        let account = self.accounts[account].clone();
        let path = format!("{ACCOUNTS}/{account}/credentials");
        let reply = self.stage.admin(bearer, "POST", &path, &body).await;
        if reply.status == 201 {
            self.learn(&json!({"id": account, "credential": reply.json()}));
        }
        answer_of(&reply)
    }

    /// An API token counts as a credential, whose secret it is: as one it must be of no use.
    async fn create_api_token(
        &mut self,
        account: usize,
        narrowing: Option<&Access>,
        lifetime_secs: i64,
        bearer: &str,
    ) -> Answer {
        let body = json!({
            "name": format!("token-{}", self.api_tokens.len()),
            "access": narrowing.map(|access| to_json(access)),
            "expires_in_seconds": lifetime_secs,
        });
        let account = self.accounts[account].clone();
        let path = format!("{ACCOUNTS}/{account}/api-tokens");
        let reply = self.stage.admin(bearer, "POST", &path, &body).await;
        if reply.status == 201 {
            let made = reply.json();
            self.api_tokens.push(self.credentials.len());
            let credential = json!({
                "id": text(&made["id"]).replace("tok_", "cred_"),
                "client_id": made["client_id"],
                "client_secret": made["token"],
            });
            self.learn(&json!({"id": account, "credential": credential}));
        }
        answer_of(&reply)
    }

    pub(super) fn api_token(&self, number: usize) -> &str {
        &self.credentials[self.api_tokens[number]].0.secret
    }

    fn learn(&mut self, made: &Value) {
        let client = self.stage.server().client_of(made);
        let secrets = vec![client.secret.clone()];
        self.credentials.push((client, secrets));
    }

    pub(super) fn client(&self, by: Caller) -> TestClient {
        let (client, secrets) = &self.credentials[by.credential];
        let mut newest_first = secrets.iter().rev();
        let newest = newest_first.next().expect("a secret");
        let older = newest_first.next().filter(|_| by.older_secret);
        client.with_secret(older.unwrap_or(newest))
    }

    /// Takes the token of an answer.
    fn take(&mut self, reply: &Reply) -> Answer {
        if reply.status != 200 {
            return answer_of(reply);
        }
        self.tokens.push(reply.access_token());
        Answer::Issued(issued(&reply.json()))
    }
}

fn parameters(ask: &Ask) -> String {
    let api = ask.api.map(|api| format!("resource={}", api.audience()));
    let scopes = ask.scopes.as_ref().map(|scopes| {
        let scopes: Vec<_> = scopes.iter().copied().collect();
        format!("scope={}", scopes.join("+"))
    });
    let details = ask.keys.as_ref().map(|keys| {
        let details = json!([{"type": "project", "identifiers": keys.to_json()}]);
        format!("authorization_details={details}")
    });
    let expires_in = ask.expires_in.map(|secs| format!("expires_in={secs}"));
    let all = [api, scopes, details, expires_in];
    all.into_iter().flatten().collect::<Vec<_>>().join("&")
}

/// What a token response says.
fn issued(answer: &Value) -> Issued {
    let token = answer["access_token"].as_str().expect("a token");
    let claims = crate::harness::client::jwt_part(token, 1);
    let api = Api::of_audience(&text(&claims["aud"]));
    let lifetime_secs = answer["expires_in"].as_i64().expect("a number");
    let instant = |claim: &str| claims[claim].as_i64().expect("a number");
    assert_eq!(instant("exp") - instant("iat"), lifetime_secs);
    assert_eq!(claims["scope"], answer["scope"]);
    assert_eq!(
        claims["authorization_details"],
        answer["authorization_details"]
    );
    Issued {
        api,
        scopes: text(&answer["scope"])
            .split(' ')
            .map(str::to_owned)
            .collect(),
        keys: (api == Api::Deploy).then(|| Keys::said(answer)),
        lifetime_secs,
    }
}

fn answer_of(reply: &Reply) -> Answer {
    match reply.status {
        503 => Answer::Unavailable,
        200..300 if reply.body.is_empty() => Answer::Done,
        200..300 => match reply.json().get("tokens_revoked") {
            Some(said) => Answer::Replaced {
                tokens_revoked: *said == true,
            },
            None => Answer::Done,
        },
        status => {
            let body = reply.json();
            let code = body.get("error").or(body.get("code"));
            Answer::Refused(status, code.map(text).unwrap_or_default())
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
