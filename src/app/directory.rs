//! The directory: clients and tokens, as the OAuth endpoints see them.
//!
//! On the embedded store this process is the only writer, so what it remembers is true by
//! construction: each change drops what it touched after its commit and before its acknowledgement.
//! On a shared store other nodes write too, and every question goes to the store.
//!
//! While the store cannot answer, nothing is answered from memory either: the question goes to the
//! store, which says so.
//!
//! A question that is being answered while a change commits may still see what was before; one that
//! begins after the acknowledgement never does. That is what [`Memory::fill`] is for: an answer
//! read before a change is never remembered after it.
//!
//! A commit may fail, or seem to, and be durable all the same: its answer was lost, or it came to its
//! end after its deadline. From then on memory is in *doubt* and answers nothing, until the next
//! change has begun: the one before it is over by then, and memory starts anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::domain::api::Api;
use crate::domain::client::Client;
use crate::domain::credential::CredentialRef;
use crate::domain::id::AccountId;
use crate::domain::id::ApiId;
use crate::domain::id::ClientId;
use crate::domain::id::OrganizationId;
use crate::domain::secret::SecretHash;
use crate::domain::token::TokenId;
use crate::recent::Recent;
use crate::store::RevokedToken;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::TokenStanding;

/// How many clients in use are remembered, and at most as many again that were in use before.
const CLIENTS_IN_USE: u64 = 100_000;

/// How many APIs in use are remembered, likewise.
const APIS_IN_USE: u64 = 10_000;

/// How long a revocation is kept after the token's own end: by then every clock agrees that the token
/// is over, also one that was wrong when this process started.
pub const REVOCATION_KEPT: Duration = Duration::from_hours(25);

/// How long a change waits for those before it.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What a change touched, so that it is forgotten.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Touched {
    /// Every client of the organization.
    Organization(OrganizationId),
    /// Every client of the account.
    Account(AccountId),
    /// Every client with access to the API, and the API itself.
    Api(ApiId),
}

/// A client that was looked for.
pub struct Found {
    /// The client, if there is one.
    pub client: Option<Arc<Client>>,
    /// Whether memory had it, so that the store was asked nothing.
    pub is_remembered: bool,
}

/// What was found of a token.
pub struct FoundToken {
    /// How it stands.
    pub standing: TokenStanding,
    /// The API that it is for, where that is at hand: `None` where it has to be asked for.
    pub api: Option<Arc<Api>>,
}

/// Clients and tokens, as the OAuth endpoints see them.
pub struct Directory {
    store: Arc<dyn Store>,
    /// `None` on a shared store.
    memory: Option<Memory>,
}

struct Memory {
    clients: Recent<ClientId, Arc<Client>>,
    apis: Recent<Arc<str>, Arc<Api>>,
    /// Whose secret has this HMAC: a fact that no change touches. What is left of the client, and
    /// whether the secret is still one of its own, is asked anew.
    owners: Recent<[u8; 32], ClientId>,
    revoked: RwLock<HashMap<TokenId, Timestamp>>,
    /// Whose turn it is to change something.
    turn: Arc<Mutex<()>>,
    /// Counts changes. Whoever remembers an answer holds it for reading, whoever forgets for
    /// writing.
    changes: RwLock<u64>,
    /// Whether a change may have become durable that memory does not know of.
    in_doubt: AtomicBool,
}

impl Directory {
    /// A directory over a store that other processes write to as well: it remembers nothing.
    pub fn shared(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            memory: None,
        }
    }

    /// A directory over a store that only this process writes to. Reads every token that was revoked
    /// and may not be over yet, since from here on memory decides.
    pub async fn embedded(store: Arc<dyn Store>, now: Timestamp) -> Result<Self, StoreError> {
        let revoked = revoked_tokens(store.as_ref(), now).await?;
        Ok(Self {
            store,
            memory: Some(Memory::new(revoked)),
        })
    }

    /// Whether other processes write to the store as well.
    pub fn is_shared(&self) -> bool {
        self.memory.is_none()
    }

    /// The client of this id.
    pub async fn client(&self, id: ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        Ok(self.find(id).await?.client)
    }

    async fn find(&self, id: ClientId) -> Result<Found, StoreError> {
        let Some(memory) = &self.memory else {
            return Ok(Found::stored(self.store.find_client(id).await?));
        };
        if let Some(client) = self.remembered(memory, id) {
            return Ok(Found::remembered(client));
        }
        let before = memory.changes();
        let found = Found::stored(self.store.find_client(id).await?);
        if let Some(client) = &found.client {
            memory.fill(before, || memory.clients.insert(id, Arc::clone(client)));
        }
        Ok(found)
    }

    /// The client that has the secret with this hash, or had it.
    pub async fn client_of_secret(&self, hash: &SecretHash) -> Result<Found, StoreError> {
        let Some(memory) = &self.memory else {
            return Ok(Found::stored(self.store.find_client_of_secret(hash).await?));
        };
        let owner = memory.owners.get(hash.as_bytes());
        if let Some(client) = owner.and_then(|owner| self.remembered(memory, owner)) {
            return Ok(Found::remembered(client));
        }
        // Also where the owner is known and has gone: that is the question which a secret of nobody costs.
        let before = memory.changes();
        let found = Found::stored(self.store.find_client_of_secret(hash).await?);
        if let Some(client) = &found.client {
            let id = client.client_id;
            memory.owners.insert(*hash.as_bytes(), id);
            memory.fill(before, || memory.clients.insert(id, Arc::clone(client)));
        }
        Ok(found)
    }

    /// Asks the store about a client that does not exist, where those that do may be answered from
    /// memory: who is refused as one of them may not be told sooner.
    pub async fn ask_about_nobody(&self) -> Result<(), StoreError> {
        if self.memory.is_some() {
            self.store.find_client(ClientId::from_bits(0)).await?;
        }
        Ok(())
    }

    /// The same about a secret that nobody has, as if it were looked for because memory had no owner.
    pub async fn ask_about_nobodys_secret(&self) -> Result<(), StoreError> {
        let nobodys = &SecretHash::UNMATCHABLE;
        self.store.find_client_of_secret(nobodys).await?;
        Ok(())
    }

    /// The API whose tokens have this `aud`.
    pub async fn api(&self, audience: &str) -> Result<Option<Arc<Api>>, StoreError> {
        let Some(memory) = &self.memory else {
            let api = self.store.find_api_by_audience(audience).await?;
            return Ok(api.map(Arc::new));
        };
        if let Some(api) = memory.apis.get(audience).filter(|_| self.trusts(memory)) {
            return Ok(Some(api));
        }
        let before = memory.changes();
        let api = self
            .store
            .find_api_by_audience(audience)
            .await?
            .map(Arc::new);
        if let Some(api) = &api {
            memory.fill(before, || {
                memory.apis.insert(api.audience.shared(), Arc::clone(api));
            });
        }
        Ok(api)
    }

    /// How a token of this client for this `audience`, signed by the key `kid`, stands; `None` when there
    /// is no such client (any more).
    pub async fn token_standing(
        &self,
        client_id: ClientId,
        token: TokenId,
        kid: &str,
        audience: &str,
    ) -> Result<Option<FoundToken>, StoreError> {
        let Some(memory) = self.memory.as_ref().filter(|memory| !memory.is_in_doubt()) else {
            let standing = self.store.find_token_standing(client_id, token, kid);
            let found = |standing| FoundToken {
                standing,
                api: None,
            };
            return Ok(standing.await?.map(found));
        };
        let client = self.client(client_id).await?;
        Ok(client.map(|client| FoundToken {
            standing: TokenStanding {
                standing: client.standing,
                account: client.account,
                organization: client.organization,
                credential: CredentialRef::of(client.credential, client.kind),
                token_is_revoked: memory.is_revoked(token),
                // The ring of the only process that takes keys back has verified the signature.
                key_verifies: true,
            },
            api: one_of_few(&client.apis, audience),
        }))
    }

    /// Waits for the turn to change something, and keeps it until the guard is dropped. A change on
    /// the embedded store has to be durable *and* forgotten here before another one begins: the
    /// other may find it done already and answer at once. (One writes there at a time anyhow.)
    pub async fn turn(&self) -> Result<Option<OwnedMutexGuard<()>>, StoreError> {
        let Some(memory) = &self.memory else {
            return Ok(None);
        };
        let turn = Arc::clone(&memory.turn).lock_owned();
        let turn = tokio::time::timeout(LONGEST_WAIT, turn).await;
        turn.map(Some).map_err(|_| StoreError::Deadline)
    }

    /// Forgets what a change touched: after its commit, before its acknowledgement.
    pub fn forget(&self, touched: &[Touched]) {
        if let Some(memory) = &self.memory {
            memory.forget(touched);
        }
    }

    /// Answers nothing from memory until [`settle`](Self::settle): it is not known whether a change
    /// was committed, or whether it still will be.
    pub fn doubt(&self) {
        if let Some(memory) = &self.memory {
            memory.in_doubt.store(true, Ordering::Release);
        }
    }

    /// Ends a doubt, by beginning anew. Called once another change has begun: the store has one
    /// writer, so whatever became of the change before it, it is over.
    pub async fn settle(&self, now: Timestamp) -> Result<(), StoreError> {
        let Some(memory) = self.memory.as_ref().filter(|memory| memory.is_in_doubt()) else {
            return Ok(());
        };
        let revoked = revoked_tokens(self.store.as_ref(), now).await?;
        let changes = memory.changes.write();
        let mut changes = changes.unwrap_or_else(PoisonError::into_inner);
        // What is being read at this moment may have been read before that change.
        *changes += 1;
        memory.clients.clear();
        memory.apis.clear();
        *memory
            .revoked
            .write()
            .unwrap_or_else(PoisonError::into_inner) = revoked;
        memory.in_doubt.store(false, Ordering::Release);
        Ok(())
    }

    fn remembered(&self, memory: &Memory, id: ClientId) -> Option<Arc<Client>> {
        memory.clients.get(&id).filter(|_| self.trusts(memory))
    }

    fn trusts(&self, memory: &Memory) -> bool {
        self.store.is_open() && !memory.is_in_doubt()
    }

    /// Remembers that a token was revoked: after its commit, before its acknowledgement.
    pub fn note_revoked(&self, token: &RevokedToken, now: Timestamp) {
        let Some(memory) = &self.memory else { return };
        let mut revoked = memory
            .revoked
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Sweep when it has doubled since the last time, so that each insert costs O(1) on average.
        if revoked.len() == revoked.capacity() {
            let before = now
                .saturating_sub(REVOCATION_KEPT)
                .unwrap_or(Timestamp::MIN);
            revoked.retain(|_, end| *end > before);
        }
        revoked.insert(token.id, token.expires_at);
    }
}

/// The API of this audience, where it is one of a few: among many it is looked for by its name.
fn one_of_few(apis: &[Arc<Api>], audience: &str) -> Option<Arc<Api>> {
    const FEW: usize = 4;
    let mut few = apis.iter().take(FEW);
    few.find(|api| api.audience.as_str() == audience).cloned()
}

/// The revoked tokens that may not be over yet, with their ends.
async fn revoked_tokens(
    store: &dyn Store,
    now: Timestamp,
) -> Result<HashMap<TokenId, Timestamp>, StoreError> {
    let before = now.saturating_sub(REVOCATION_KEPT);
    let tokens = store.list_revoked_tokens(before.unwrap_or(Timestamp::MIN));
    let tokens = tokens.await?.into_iter();
    Ok(tokens.map(|token| (token.id, token.expires_at)).collect())
}

impl Found {
    fn stored(client: Option<Client>) -> Self {
        Self {
            client: client.map(Arc::new),
            is_remembered: false,
        }
    }

    fn remembered(client: Arc<Client>) -> Self {
        Self {
            client: Some(client),
            is_remembered: true,
        }
    }
}

impl Memory {
    fn new(revoked: HashMap<TokenId, Timestamp>) -> Self {
        Self {
            clients: Recent::counting(CLIENTS_IN_USE),
            apis: Recent::counting(APIS_IN_USE),
            owners: Recent::counting(CLIENTS_IN_USE),
            revoked: RwLock::new(revoked),
            turn: Arc::default(),
            changes: RwLock::new(0),
            in_doubt: AtomicBool::new(false),
        }
    }

    fn is_in_doubt(&self) -> bool {
        self.in_doubt.load(Ordering::Acquire)
    }

    fn changes(&self) -> u64 {
        *self.changes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, touched: &[Touched]) {
        if touched.is_empty() {
            return;
        }
        let changes = self.changes.write();
        let mut changes = changes.unwrap_or_else(PoisonError::into_inner);
        *changes += 1;
        self.clients
            .retain(|client| !touched.iter().any(|what| what.concerns(client)));
        self.apis
            .retain(|api| !touched.contains(&Touched::Api(api.id)));
    }

    /// Remembers an answer, unless something has changed since it was asked for.
    fn fill(&self, before: u64, remember: impl FnOnce()) {
        let changes = self.changes.read().unwrap_or_else(PoisonError::into_inner);
        if *changes == before {
            remember();
        }
    }

    fn is_revoked(&self, token: TokenId) -> bool {
        let revoked = self.revoked.read().unwrap_or_else(PoisonError::into_inner);
        revoked.contains_key(&token)
    }
}

impl Touched {
    fn concerns(self, client: &Client) -> bool {
        match self {
            Self::Organization(id) => client.organization == id,
            Self::Account(id) => client.account == id,
            Self::Api(id) => client.access.grants().iter().any(|grant| grant.api == id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let memory = Memory::new(HashMap::new());
        let remembers = |before| {
            let mut remembered = false;
            memory.fill(before, || remembered = true);
            remembered
        };
        let before = memory.changes();
        assert!(remembers(before));

        // The answer may be about this account, or about another one: who can say.
        memory.forget(&[Touched::Account(AccountId::from_bits(1))]);
        assert!(!remembers(before));
        assert!(remembers(memory.changes()));

        let before = memory.changes();
        memory.forget(&[]);
        assert!(remembers(before));
    }
}
