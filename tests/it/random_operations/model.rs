//! What must be so: every account, credential and token, and what each request must be answered.
//!
//! Written from the contract (section 2: what raises a generation, when a token is active), with
//! nothing of the server's own code.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::access::Access;
use super::access::Api;
use super::access::Atom;
use super::access::Role;
use super::access::atoms;
use super::access::atoms_of_role;
use super::decide::Issued;
use super::decide::decide;
use super::operation::Act;
use super::operation::Ask;
use super::operation::Caller;
use super::operation::Roles;
use super::operation::Rotation;

/// How long a secret lives that nobody said otherwise of.
const USUAL_LIFETIME_SECS: i64 = 90 * 86_400;

/// One way in which things may be. After a change that was answered by a 503 there are two.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Model {
    accounts: Vec<Account>,
    credentials: Vec<Credential>,
    /// Those of the credentials that are API tokens.
    api_tokens: Vec<usize>,
    tokens: Vec<Token>,
    roles: Vec<OwnRole>,
    groups: Vec<Group>,
    /// Successful changes: each has one audit event.
    pub changes: usize,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Account {
    deleted: bool,
    disabled: bool,
    generation: u32,
    access: Access,
    roles: Roles,
    ends_at: Option<i64>,
}

/// A role of the organization's own.
#[derive(Clone, Debug, Eq, PartialEq)]
struct OwnRole {
    deleted: bool,
    access: Access,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Group {
    deleted: bool,
    roles: Roles,
    members: BTreeSet<usize>,
}

/// Whether a credential may be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    Active,
    Stopped,
    Revoked,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Credential {
    account: usize,
    deleted: bool,
    standing: Standing,
    /// It is an API token: its one secret is the token.
    is_api_token: bool,
    generation: u32,
    narrowing: Option<Access>,
    secrets: Vec<Secret>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Secret {
    /// Whether its answer arrived.
    known: bool,
    lifetime_secs: i64,
    ends_at: Timestamp,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Token {
    credential: usize,
    generations: (u32, u32),
    revoked: bool,
    expires_at: i64,
    api: Api,
}

/// What a request is answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It was done.
    Done,
    /// It was done, and it says whether tokens died of it.
    Replaced { tokens_revoked: bool },
    /// Here is a token.
    Issued(Issued),
    /// A status, and `error` or `code`.
    Refused(u16, String),
    /// The store could not answer.
    Unavailable,
}

fn refused(status: u16, code: &str) -> Answer {
    Answer::Refused(status, code.to_owned())
}

fn not_found() -> Answer {
    refused(404, "not_found")
}

impl Model {
    /// What `act` must be answered at `now`, and what it changes.
    pub fn apply(&mut self, act: &Act, now: Timestamp) -> Answer {
        match act {
            Act::CreateAccount {
                access,
                role,
                lifetime_secs,
            } => self.create_account(access, *role, *lifetime_secs, now),
            Act::CreateCredential {
                account,
                narrowing,
                lifetime_secs,
            } => self.create_credential(*account, narrowing.clone(), *lifetime_secs, now),
            Act::CreateApiToken {
                account,
                narrowing,
                lifetime_secs,
            } => self.create_api_token(*account, narrowing.clone(), *lifetime_secs, now),
            Act::Issue(by, ask) => self.issue(*by, ask, now),
            Act::Exchange(token, ask) => self.exchange(*token, ask, now),
            Act::RevokeApiToken(token) => self.revoke_api_token(*token),
            Act::RevokeToken(by, token) => {
                let by = by.unwrap_or(self.owner_of(*token));
                self.revoke_token(by, *token, now)
            }
            Act::Disable(account) => self.set_disabled(*account, true),
            Act::Enable(account) => self.set_disabled(*account, false),
            Act::DeleteAccount(account) => self.delete_account(*account),
            Act::PutAccess(account, access) => {
                self.replace(*account, |account| account.access.clone_from(access))
            }
            Act::PutRoles(account, roles) if !self.accounts[*account].deleted => self
                .naming(roles, |model| {
                    model.replace(*account, |account| account.roles.clone_from(roles))
                }),
            Act::CreateRole(access) => {
                self.roles.push(OwnRole {
                    deleted: false,
                    access: access.clone(),
                });
                self.done()
            }
            Act::EditRole(role, access) => self.reach(!self.roles[*role].deleted, |model| {
                model.roles[*role].access.clone_from(access);
            }),
            Act::DeleteRole(role) => self.reach(!self.roles[*role].deleted, |model| {
                model.roles[*role].deleted = true;
                let of_accounts = model.accounts.iter_mut().map(|one| &mut one.roles);
                let of_groups = model.groups.iter_mut().map(|one| &mut one.roles);
                for roles in of_accounts.chain(of_groups) {
                    roles.own.remove(role);
                }
            }),
            Act::CreateGroup(roles) => self.naming(roles, |model| {
                model.groups.push(Group {
                    deleted: false,
                    roles: roles.clone(),
                    members: BTreeSet::new(),
                });
                model.done()
            }),
            Act::EditGroup(group, roles) if !self.groups[*group].deleted => self
                .naming(roles, |model| {
                    model.reach(true, |model| model.groups[*group].roles.clone_from(roles))
                }),
            Act::PutRoles(..) | Act::EditGroup(..) => not_found(),
            Act::DeleteGroup(group) => self.reach(!self.groups[*group].deleted, |model| {
                model.groups[*group].deleted = true;
            }),
            Act::AddMember(group, account) => {
                let exist = !self.groups[*group].deleted && !self.accounts[*account].deleted;
                self.reach(exist, |model| {
                    model.groups[*group].members.insert(*account);
                })
            }
            Act::RemoveMember(group, account) => {
                let is_in = self.groups[*group].members.contains(account);
                let exist = !self.groups[*group].deleted && !self.accounts[*account].deleted;
                self.reach(exist && is_in, |model| {
                    model.groups[*group].members.remove(account);
                })
            }
            Act::Rotate(credential, how) => self.rotate(*credential, *how, now),
            Act::Narrow(credential, to) => self.narrow(*credential, to.as_ref()),
            Act::StopCredential(credential) => self.set_stopped(*credential, true),
            Act::StartCredential(credential) => self.set_stopped(*credential, false),
            Act::RevokeCredential(credential) => self.end_credential(*credential, false),
            Act::DeleteCredential(credential) => self.end_credential(*credential, true),
        }
    }

    /// Whether introspection must call a token active.
    pub fn is_active(&self, token: usize, now: Timestamp) -> bool {
        let token = &self.tokens[token];
        let credential = &self.credentials[token.credential];
        let account = &self.accounts[credential.account];
        let generations = (account.generation, credential.generation);
        account.is_alive(now)
            && credential.is_alive()
            && token.generations == generations
            && !token.revoked
            && now.as_second() < token.expires_at
    }

    /// Who got a token.
    pub fn owner_of(&self, token: usize) -> Caller {
        Caller {
            credential: self.tokens[token].credential,
            older_secret: false,
        }
    }

    /// Whether a caller must be let in.
    pub fn lets_in(&self, by: Caller, now: Timestamp) -> bool {
        self.authenticate(by, now).is_some()
    }

    /// The API that a token is for.
    pub fn api_of(&self, token: usize) -> Api {
        self.tokens[token].api
    }

    /// All that the credential of a token leaves of what its account may do now.
    pub fn access_behind(&self, token: usize) -> BTreeSet<Atom> {
        self.held_by(self.tokens[token].credential)
    }

    /// All that an account may do: by itself, by its roles, and by its groups' roles.
    fn access_of(&self, account: usize) -> BTreeSet<Atom> {
        let is_in = |group: &&Group| !group.deleted && group.members.contains(&account);
        let groups = self.groups.iter().filter(is_in).map(|group| &group.roles);
        let mut all = atoms(&self.accounts[account].access);
        for roles in groups.chain([&self.accounts[account].roles]) {
            all.extend(atoms_of_role(roles.built_in));
            for role in &roles.own {
                all.extend(atoms(&self.roles[*role].access));
            }
        }
        all
    }

    /// What names roles is wrong when one of them is gone.
    fn naming(&mut self, roles: &Roles, act: impl FnOnce(&mut Self) -> Answer) -> Answer {
        if roles.own.iter().any(|role| self.roles[*role].deleted) {
            return refused(400, "validation_failed");
        }
        act(self)
    }

    /// Changes something that may reach many accounts: who loses something by it, loses the tokens.
    fn reach(&mut self, exists: bool, change: impl FnOnce(&mut Self)) -> Answer {
        if !exists {
            return not_found();
        }
        let before = self.clone();
        change(self);
        if *self == before {
            return Answer::Done;
        }
        for account in 0..self.accounts.len() {
            let reduced = !before
                .access_of(account)
                .is_subset(&self.access_of(account));
            self.accounts[account].generation += u32::from(reduced);
        }
        self.done()
    }

    fn create_account(
        &mut self,
        access: &Access,
        role: Role,
        lifetime_secs: Option<i64>,
        now: Timestamp,
    ) -> Answer {
        self.accounts.push(Account {
            deleted: false,
            disabled: false,
            generation: 0,
            access: access.clone(),
            roles: Roles {
                built_in: role,
                own: BTreeSet::new(),
            },
            ends_at: lifetime_secs.map(|secs| now.as_second() + secs),
        });
        // One event for the account with its credential.
        self.create_credential(self.accounts.len() - 1, None, None, now)
    }

    fn create_credential(
        &mut self,
        account: usize,
        narrowing: Option<Access>,
        lifetime_secs: Option<i64>,
        now: Timestamp,
    ) -> Answer {
        if self.accounts[account].deleted {
            return not_found();
        }
        self.credentials.push(Credential {
            account,
            deleted: false,
            standing: Standing::Active,
            is_api_token: false,
            generation: 0,
            narrowing,
            secrets: vec![Secret::new(
                lifetime_secs.unwrap_or(USUAL_LIFETIME_SECS),
                now,
            )],
        });
        self.done()
    }

    fn create_api_token(
        &mut self,
        account: usize,
        narrowing: Option<Access>,
        lifetime_secs: i64,
        now: Timestamp,
    ) -> Answer {
        let answer = self.create_credential(account, narrowing, Some(lifetime_secs), now);
        if answer == Answer::Done {
            let last = self.credentials.len() - 1;
            self.credentials[last].is_api_token = true;
            self.api_tokens.push(last);
        }
        answer
    }

    fn revoke_api_token(&mut self, token: usize) -> Answer {
        let credential = &mut self.credentials[self.api_tokens[token]];
        if self.accounts[credential.account].deleted {
            return not_found();
        }
        if credential.revoke() {
            return Answer::Done;
        }
        self.done()
    }

    fn exchange(&mut self, token: usize, ask: &Ask, now: Timestamp) -> Answer {
        let credential = self.api_tokens[token];
        let no_good = refused(400, "invalid_request");
        match self.end_if_alive(credential, 0, now) {
            Some(end) => self.issue_to(credential, end, ask, now, no_good),
            None => no_good,
        }
    }

    /// What an API token opens now, if it is good.
    pub fn opened_by(&self, token: usize, now: Timestamp) -> Option<BTreeSet<Atom>> {
        let credential = self.api_tokens[token];
        self.end_if_alive(credential, 0, now)?;
        Some(self.held_by(credential))
    }

    fn held_by(&self, credential: usize) -> BTreeSet<Atom> {
        let credential = &self.credentials[credential];
        let held = self.access_of(credential.account);
        match &credential.narrowing {
            Some(narrowing) => held.intersection(&atoms(narrowing)).copied().collect(),
            None => held,
        }
    }

    fn set_disabled(&mut self, account: usize, disabled: bool) -> Answer {
        let account = &mut self.accounts[account];
        if account.deleted {
            return not_found();
        }
        if account.disabled == disabled {
            return Answer::Done;
        }
        account.disabled = disabled;
        account.generation += u32::from(disabled);
        self.done()
    }

    fn delete_account(&mut self, account: usize) -> Answer {
        if std::mem::replace(&mut self.accounts[account].deleted, true) {
            return not_found();
        }
        self.done()
    }

    /// Every reduction of access raises the generation, and nothing else does.
    fn replace(&mut self, account: usize, change: impl FnOnce(&mut Account)) -> Answer {
        if self.accounts[account].deleted {
            return not_found();
        }
        let (before, had) = (self.accounts[account].clone(), self.access_of(account));
        change(&mut self.accounts[account]);
        let tokens_revoked = !had.is_subset(&self.access_of(account));
        let account = &mut self.accounts[account];
        account.generation += u32::from(tokens_revoked);
        self.changes += usize::from(*account != before);
        Answer::Replaced { tokens_revoked }
    }

    fn rotate(&mut self, credential: usize, how: Rotation, now: Timestamp) -> Answer {
        if !self.has_credential(credential) {
            return not_found();
        }
        let credential = &mut self.credentials[credential];
        if credential.standing == Standing::Revoked {
            return refused(409, "wrong_state");
        }
        let live = |secret: &&mut Secret| now < secret.ends_at;
        let mut live: Vec<_> = credential.secrets.iter_mut().filter(live).collect();
        if live.len() > 1 && !how.end_overlap {
            return refused(409, "overlap_in_progress");
        }
        if let Some(newest) = live.pop() {
            let overlap_ends = later(now, how.overlap_secs);
            newest.ends_at = newest.ends_at.min(overlap_ends);
        }
        for older in live {
            older.ends_at = now;
        }
        let lifetime_secs = credential.secrets.last().map(|last| last.lifetime_secs);
        let secret = Secret::new(lifetime_secs.unwrap_or(USUAL_LIFETIME_SECS), now);
        credential.secrets.push(secret);
        credential.generation += u32::from(how.revoke_tokens);
        self.done()
    }

    /// Whether there is such a credential; API tokens are none.
    fn has_credential(&self, credential: usize) -> bool {
        let credential = &self.credentials[credential];
        let account = &self.accounts[credential.account];
        !account.deleted && !credential.deleted && !credential.is_api_token
    }

    /// Whoever loses something by it loses the tokens of this credential.
    fn narrow(&mut self, credential: usize, to: Option<&Access>) -> Answer {
        if !self.has_credential(credential) {
            return not_found();
        }
        let had = self.held_by(credential);
        let before = self.credentials[credential].narrowing.clone();
        self.credentials[credential].narrowing = to.cloned();
        let reduced = !had.is_subset(&self.held_by(credential));
        self.credentials[credential].generation += u32::from(reduced);
        self.changes += usize::from(before.as_ref() != to);
        Answer::Done
    }

    fn set_stopped(&mut self, credential: usize, stopped: bool) -> Answer {
        if !self.has_credential(credential) {
            return not_found();
        }
        let credential = &mut self.credentials[credential];
        let after = match (credential.standing, stopped) {
            (Standing::Revoked, _) => return refused(409, "wrong_state"),
            (_, true) => Standing::Stopped,
            (_, false) => Standing::Active,
        };
        if std::mem::replace(&mut credential.standing, after) == after {
            return Answer::Done;
        }
        credential.generation += u32::from(stopped);
        self.done()
    }

    fn end_credential(&mut self, credential: usize, delete: bool) -> Answer {
        if !self.has_credential(credential) {
            return not_found();
        }
        let credential = &mut self.credentials[credential];
        if delete {
            credential.deleted = true;
        } else if credential.revoke() {
            return Answer::Done;
        }
        self.done()
    }

    /// The answer to `act` never arrived: nobody knows what only it has said.
    pub fn lose_answer_to(&mut self, act: &Act) {
        if let Act::Rotate(credential, _) = act
            && let Some(secret) = self.credentials[*credential].secrets.last_mut()
        {
            secret.known = false;
        }
    }

    /// The end of the secret that a caller uses, if it is let in.
    fn authenticate(&self, by: Caller, now: Timestamp) -> Option<Timestamp> {
        let credential = &self.credentials[by.credential];
        if credential.is_api_token {
            return None;
        }
        let secrets = (0..).zip(&credential.secrets);
        let known = secrets.filter(|(_, secret)| secret.known);
        let known: Vec<usize> = known.map(|(place, _)| place).collect();
        let (newest, older) = known.split_last()?;
        let older = older.last().filter(|_| by.older_secret);
        self.end_if_alive(by.credential, *older.unwrap_or(newest), now)
    }

    /// The end of a secret of a credential, if it is good and all that it belongs to is alive.
    fn end_if_alive(&self, credential: usize, secret: usize, now: Timestamp) -> Option<Timestamp> {
        let credential = &self.credentials[credential];
        let ends_at = credential.secrets[secret].ends_at;
        let account = &self.accounts[credential.account];
        (now < ends_at && account.is_alive(now) && credential.is_alive()).then_some(ends_at)
    }

    fn revoke_token(&mut self, by: Caller, token: usize, now: Timestamp) -> Answer {
        if self.authenticate(by, now).is_none() {
            return refused(401, "invalid_client");
        }
        if !self.is_active(token, now) {
            return Answer::Done;
        }
        let owner = self.credentials[self.tokens[token].credential].account;
        if self.credentials[by.credential].account != owner {
            return refused(400, "unauthorized_client");
        }
        self.tokens[token].revoked = true;
        self.done()
    }

    fn issue(&mut self, by: Caller, ask: &Ask, now: Timestamp) -> Answer {
        let no_good = refused(401, "invalid_client");
        match self.authenticate(by, now) {
            Some(end) => self.issue_to(by.credential, end, ask, now, no_good),
            None => no_good,
        }
    }

    /// Gives a credential what is asked for; `too_late` is the answer before its secret's last second.
    fn issue_to(
        &mut self,
        credential: usize,
        secret_ends_at: Timestamp,
        ask: &Ask,
        now: Timestamp,
        too_late: Answer,
    ) -> Answer {
        let client = &self.credentials[credential];
        let account = &self.accounts[client.account];
        let mut issued = match decide(&self.held_by(credential), ask) {
            Ok(issued) => issued,
            Err(code) => return refused(400, code),
        };
        let ends = [Some(secret_ends_at.as_second()), account.ends_at];
        let left = ends.iter().flatten().map(|end| end - now.as_second());
        issued.lifetime_secs = left.fold(issued.lifetime_secs, i64::min);
        if issued.lifetime_secs < 1 {
            return too_late;
        }
        self.tokens.push(Token {
            credential,
            generations: (account.generation, client.generation),
            revoked: false,
            expires_at: now.as_second() + issued.lifetime_secs,
            api: issued.api,
        });
        Answer::Issued(issued)
    }

    fn done(&mut self) -> Answer {
        self.changes += 1;
        Answer::Done
    }
}

impl Account {
    fn is_alive(&self, now: Timestamp) -> bool {
        let ended = self.ends_at.is_some_and(|end| end <= now.as_second());
        !self.deleted && !self.disabled && !ended
    }
}

impl Credential {
    fn is_alive(&self) -> bool {
        !self.deleted && self.standing == Standing::Active
    }

    /// Takes it back for good; whether it was that already.
    fn revoke(&mut self) -> bool {
        std::mem::replace(&mut self.standing, Standing::Revoked) == Standing::Revoked
    }
}

impl Secret {
    fn new(lifetime_secs: i64, now: Timestamp) -> Self {
        Self {
            known: true,
            lifetime_secs,
            ends_at: later(now, lifetime_secs),
        }
    }
}

fn later(now: Timestamp, secs: i64) -> Timestamp {
    now + jiff::SignedDuration::from_secs(secs)
}
