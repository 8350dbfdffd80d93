//! One sequence of operations: each is done, its answer is compared, and then everything is asked
//! about.
//!
//! What must be so is not always known: a change that was answered by a 503 may have happened. So
//! there is a list of *worlds*, and each answer strikes out those that it contradicts. When none is
//! left, the server is wrong.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use crate::harness::TestClient;
use crate::harness::Verifier;

use super::access::Api;
use super::access::Grant;
use super::access::Keys;
use super::access::Role;
use super::access::atoms_said;
use super::model::Answer;
use super::model::Model;
use super::operation::Act;
use super::operation::Ask;
use super::operation::Caller;
use super::operation::Known;
use super::operation::Operation;
use super::operation::Roles;
use super::stage::Stage;

/// How many operations pass until that is looked at which is not worth a look after each.
const SELDOM: usize = 4;

/// Why a sequence failed, with what was done.
pub type Wrong = String;

/// A sequence on its way.
pub struct Sequence<'s> {
    pub(super) stage: &'s mut Stage,
    worlds: Vec<Model>,
    /// The id of each account.
    pub(super) accounts: Vec<String>,
    /// Each credential, with the secrets whose answers arrived.
    pub(super) credentials: Vec<(TestClient, Vec<String>)>,
    /// Those of the credentials that are API tokens.
    pub(super) api_tokens: Vec<usize>,
    pub(super) tokens: Vec<String>,
    /// The id of each role.
    pub(super) roles: Vec<String>,
    /// The id of each group.
    pub(super) groups: Vec<String>,
    /// P1: which of the tokens were seen inactive.
    ended: BTreeSet<usize>,
    /// P6: the secrets that were told.
    pub(super) told: BTreeSet<String>,
    log: Vec<String>,
}

impl<'s> Sequence<'s> {
    /// Carries all of it out, and tells the first thing that is not as it must be.
    pub async fn run(stage: &'s mut Stage, operations: &[Operation]) -> Result<(), Wrong> {
        let mut sequence = Self {
            stage,
            worlds: vec![Model::default()],
            accounts: Vec::new(),
            credentials: Vec::new(),
            api_tokens: Vec::new(),
            tokens: Vec::new(),
            roles: Vec::new(),
            groups: Vec::new(),
            ended: BTreeSet::new(),
            told: BTreeSet::new(),
            log: Vec::new(),
        };
        let outcome = sequence.carry_out_all(operations).await;
        outcome.map_err(|why| format!("{}\n!! {why}", sequence.log.join("\n")))
    }

    async fn carry_out_all(&mut self, operations: &[Operation]) -> Result<(), Wrong> {
        let events = self.stage.events().await;
        for act in first_acts() {
            self.act(&act).await?;
        }
        for (number, operation) in operations.iter().enumerate() {
            self.carry_out(operation).await?;
            self.observe_tokens().await?;
            if number % SELDOM == 0 {
                self.observe_all().await?;
            }
        }
        self.observe_all().await?;
        self.check_nothing_is_kept().await?;
        // P7: each change has one event, and each event is of a change.
        let events = self.stage.events().await - events;
        self.keep(
            |world| world.changes == events,
            || format!("P7: there are {events} audit events of success"),
        )
    }

    async fn carry_out(&mut self, operation: &Operation) -> Result<(), Wrong> {
        if !matches!(operation, Operation::Plain(_) | Operation::Failing { .. }) {
            self.log.push(format!("{operation:?}"));
        }
        match operation {
            Operation::Plain(act) => self.act(act).await?,
            Operation::Failing {
                act,
                replies,
                again,
            } => {
                self.act_failing(act, *replies).await?;
                if *again {
                    self.observe_tokens().await?;
                    self.act(act).await?;
                }
            }
            Operation::Advance(by) => self.stage.server().advance(*by),
            Operation::Restart => self.stage.restart().await,
            Operation::RotateKey => {
                self.stage.rotate_key().await;
                for world in &mut self.worlds {
                    world.changes += 2;
                }
            }
            Operation::Redis(trouble) => self.stage.trouble(*trouble).await,
        }
        Ok(())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.stage.server().now()
    }

    pub(super) fn owner_of(&self, token: usize) -> Caller {
        self.worlds[0].owner_of(token)
    }

    fn among_mine(&self, act: &Act) -> Option<Act> {
        act.clone().among(Known {
            accounts: self.accounts.len(),
            credentials: self.credentials.len(),
            api_tokens: self.api_tokens.len(),
            tokens: self.tokens.len(),
            roles: self.roles.len(),
            groups: self.groups.len(),
        })
    }

    async fn act(&mut self, act: &Act) -> Result<(), Wrong> {
        let Some(act) = self.among_mine(act) else {
            return Ok(());
        };
        let now = self.now();
        let bearer = self.stage.bearer().await;
        let answer = self.perform(&act, &bearer).await;
        self.log.push(format!("{act:?}\n    -> {answer:?}"));
        self.check_told_once()?;
        let mut right = Vec::new();
        self.worlds.retain_mut(|world| {
            right.push(world.apply(&act, now));
            right.last() == Some(&answer)
        });
        self.keep(|_| true, || format!("the right answer is {right:?}"))
    }

    /// Does it while the store fails at some point. A 503 says nothing, but on a store that does
    /// not lose answers it says no.
    async fn act_failing(&mut self, act: &Act, replies: u32) -> Result<(), Wrong> {
        let Some(act) = self.among_mine(act) else {
            return Ok(());
        };
        let now = self.now();
        let bearer = self.stage.bearer().await;
        self.stage.break_store(replies).await;
        let answer = self.perform(&act, &bearer).await;
        self.stage.mend_store().await;
        self.log
            .push(format!("the store fails: {act:?}\n    -> {answer:?}"));
        self.check_told_once()?;

        let mut right = Vec::new();
        for before in std::mem::take(&mut self.worlds) {
            let mut after = before.clone();
            right.push(after.apply(&act, now));
            if answer == Answer::Unavailable {
                after.lose_answer_to(&act);
                if self.stage.may_lose_answers() && after != before {
                    self.worlds.push(after);
                }
                self.worlds.push(before);
            } else if right.last() == Some(&answer) {
                self.worlds.push(after);
            }
        }
        self.keep(
            |_| true,
            || format!("the right answer is {right:?}, or a 503"),
        )
    }

    /// Asks about every token that has not ended yet.
    async fn observe_tokens(&mut self) -> Result<(), Wrong> {
        let jwks = self.stage.server().get("/.well-known/jwks.json").await;
        let published = Verifier::of(&jwks);
        for number in 0..self.tokens.len() {
            if !self.ended.contains(&number) {
                self.observe_token(number, &published).await?;
            }
        }
        Ok(())
    }

    /// Asks about tokens that have ended, since one that came back to life would stay alive, and who
    /// is let in.
    async fn observe_all(&mut self) -> Result<(), Wrong> {
        for number in self.ended.clone() {
            if self.introspect(number).await?.is_some() {
                return Err(format!(
                    "P1: token {number} was inactive and is active again"
                ));
            }
        }
        for credential in 0..self.credentials.len() {
            for older_secret in [false, true] {
                let by = Caller {
                    credential,
                    older_secret,
                };
                self.observe_client(by).await?;
            }
        }
        for number in 0..self.api_tokens.len() {
            self.observe_api_token(number).await?;
        }
        self.check_reads_tell_none().await
    }

    /// P2 and P4 of an API token: it is active while it opens something, and opens what its account may
    /// do *now*. (It stops with its account, and starts with it again, as a secret does.)
    async fn observe_api_token(&mut self, number: usize) -> Result<(), Wrong> {
        let now = self.now();
        let token = self.api_token(number).to_owned();
        let api = Api::Deploy;
        let form = format!("token={token}&resource={}", api.audience());
        let admin = &self.stage.server().admin;
        let reply = admin.post("/oauth/introspect", &form).await;
        if reply.status != 200 {
            return Err(format!(
                "introspection of API token {number}: {}",
                reply.wire()
            ));
        }
        let answer = reply.json();
        let said = (answer["active"] == true).then(|| atoms_said(api, &answer));
        let is_so = |world: &Model| {
            let opened = world.opened_by(number, now);
            let opened = opened.filter(|held| held.iter().any(|atom| atom.api == api));
            match (&said, opened) {
                (Some(said), Some(held)) => said.is_subset(&held),
                (said, opened) => said.is_none() && opened.is_none(),
            }
        };
        self.keep(is_so, || format!("API token {number} must not be {answer}"))
    }

    async fn observe_token(&mut self, number: usize, published: &Verifier) -> Result<(), Wrong> {
        let now = self.now();
        let token = self.tokens[number].clone();
        let answer = self.introspect(number).await?;
        let active = answer.is_some();
        // P2, and that nothing else ends a token.
        self.keep(
            |world| world.is_active(number, now) == active,
            || format!("token {number} must not be `active: {active}`"),
        )?;
        if self.worlds[0].api_of(number) == Api::Ostler {
            self.check_bearer(number, &token, active).await?;
        }
        let Some(answer) = answer else {
            self.ended.insert(number);
            return Ok(());
        };
        if !published.accepts(&token) {
            return Err(format!("P3: the key of token {number} is not published"));
        }
        self.check_within(number, &answer)
    }

    /// What the administrator is told about a token, if it is active.
    async fn introspect(&self, number: usize) -> Result<Option<Value>, Wrong> {
        let admin = &self.stage.server().admin;
        let reply = admin.introspect(&self.tokens[number]).await;
        if reply.status != 200 {
            return Err(format!("introspection of token {number}: {}", reply.wire()));
        }
        let answer = reply.json();
        Ok((answer["active"] == true).then_some(answer))
    }

    /// Security cases 16, 19, 60: who authenticates and who does not.
    async fn observe_client(&mut self, by: Caller) -> Result<(), Wrong> {
        let now = self.now();
        let reply = self.client(by).introspect("x").await;
        let let_in = reply.status == 200;
        if !let_in && reply.error() != "invalid_client" {
            return Err(format!("{by:?}: {}", reply.wire()));
        }
        self.keep(
            |world| world.lets_in(by, now) == let_in,
            || format!("it must not be {let_in} that {by:?} is let in"),
        )
    }

    /// P4: an active token says nothing beyond what its credential leaves of its account's access now.
    fn check_within(&mut self, number: usize, answer: &Value) -> Result<(), Wrong> {
        let said = atoms_said(self.worlds[0].api_of(number), answer);
        let within = |world: &Model| said.is_subset(&world.access_behind(number));
        self.keep(within, || {
            format!("P4: token {number} says more than is granted: {answer}")
        })
    }

    /// Security case 52: the admin API lets in whom introspection calls active.
    async fn check_bearer(&self, number: usize, token: &str, active: bool) -> Result<(), Wrong> {
        let path = "/admin/v1/organizations/default/service-accounts?limit=1";
        let request = self.stage.server().request("GET", path);
        let reply = request.bearer(token).send().await;
        let right = if active { 200 } else { 401 };
        if reply.status == right {
            return Ok(());
        }
        Err(format!("token {number} at the admin API: {}", reply.wire()))
    }

    /// Strikes out worlds; one has to be left.
    fn keep(
        &mut self,
        is_so: impl Fn(&Model) -> bool,
        otherwise: impl FnOnce() -> String,
    ) -> Result<(), Wrong> {
        self.worlds.retain(is_so);
        self.worlds.dedup();
        if self.worlds.is_empty() {
            return Err(otherwise());
        }
        Ok(())
    }
}

/// What every sequence begins with: an account with two tokens, which is in a group with a role.
fn first_acts() -> [Act; 6] {
    let grant = Grant {
        api: Api::Deploy,
        scopes: BTreeSet::from(["read", "write"]),
        keys: Keys::Listed(BTreeSet::from(["A", "B"])),
    };
    let by_role = Grant {
        keys: Keys::Listed(BTreeSet::from(["C"])),
        ..grant.clone()
    };
    let roles = Roles {
        built_in: Role::None,
        own: BTreeSet::from([0]),
    };
    let account = Act::CreateAccount {
        access: vec![grant],
        role: Role::None,
        lifetime_secs: None,
    };
    let by = Caller {
        credential: 0,
        older_secret: false,
    };
    let token = || Act::Issue(by, Ask::default());
    let role = Act::CreateRole(vec![by_role]);
    let group = Act::CreateGroup(roles);
    let member = Act::AddMember(0, 0);
    [account, role, group, member, token(), token()]
}
