//! What may happen, and in what mix.
//!
//! Things are picked by a number, which counts modulo how many there are by then; those that are gone
//! count too, since much goes wrong with what is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::sample::subsequence;

use super::access::Access;
use super::access::Api;
use super::access::Grant;
use super::access::Keys;
use super::access::PROJECTS;
use super::access::Role;

/// One of the things of a kind, by a number.
pub type Pick = usize;

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Operation {
    /// It happens, and nothing is in the way.
    Plain(Act),
    /// It happens, the store fails in the middle of it, and perhaps it is asked for again.
    Failing {
        act: Act,
        /// How many answers of the database arrive before.
        replies: u32,
        again: bool,
    },
    /// Time passes.
    Advance(Duration),
    /// The server is stopped and started.
    Restart,
    /// Another key signs from now on.
    RotateKey,
    /// Something happens to Redis, where there is one.
    Redis(Trouble),
}

/// What happens to Redis.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    Forgets,
    IsGone,
    IsBack,
}

/// What somebody does through HTTP. A number is an account, a credential or a token.
#[derive(Clone, Debug)]
pub enum Act {
    CreateAccount {
        access: Access,
        role: Role,
        lifetime_secs: Option<i64>,
    },
    CreateCredential {
        account: Pick,
        narrowing: Option<Access>,
        lifetime_secs: Option<i64>,
    },
    /// `lifetime_secs` is at least a day.
    CreateApiToken {
        account: Pick,
        narrowing: Option<Access>,
        lifetime_secs: i64,
    },
    Issue(Caller, Ask),
    /// An API token becomes an access token.
    Exchange(Pick, Ask),
    RevokeApiToken(Pick),
    /// By its own credential, or by another.
    RevokeToken(Option<Caller>, Pick),
    Disable(Pick),
    Enable(Pick),
    DeleteAccount(Pick),
    PutAccess(Pick, Access),
    PutRoles(Pick, Roles),
    CreateRole(Access),
    EditRole(Pick, Access),
    /// By force, from all who have it.
    DeleteRole(Pick),
    CreateGroup(Roles),
    EditGroup(Pick, Roles),
    DeleteGroup(Pick),
    /// An account comes into a group.
    AddMember(Pick, Pick),
    /// An account leaves a group.
    RemoveMember(Pick, Pick),
    Rotate(Pick, Rotation),
    /// `None` takes a narrowing away.
    Narrow(Pick, Option<Access>),
    StopCredential(Pick),
    StartCredential(Pick),
    RevokeCredential(Pick),
    DeleteCredential(Pick),
}

/// Roles of an account or a group: a built-in one, and some of the organization's own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Roles {
    pub built_in: Role,
    pub own: BTreeSet<Pick>,
}

/// A client, with the newest of its secrets or the one before.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub credential: Pick,
    pub older_secret: bool,
}

/// What a token is asked for.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub api: Option<Api>,
    pub scopes: Option<BTreeSet<&'static str>>,
    pub keys: Option<Keys>,
    pub expires_in: Option<i64>,
}

/// How a credential is rotated.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    pub overlap_secs: i64,
    pub end_overlap: bool,
    pub revoke_tokens: bool,
}

/// How many there are by now, those that are gone included. API tokens are credentials too, of which each has a number.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub accounts: usize,
    pub credentials: usize,
    pub api_tokens: usize,
    pub tokens: usize,
    pub roles: usize,
    pub groups: usize,
}

impl Act {
    /// The same, done to something that exists, of so many; `None` where there is nothing.
    pub fn among(mut self, known: Known) -> Option<Self> {
        if let Self::PutRoles(_, roles) | Self::CreateGroup(roles) | Self::EditGroup(_, roles) =
            &mut self
        {
            let own = roles.own.iter();
            roles.own = own
                .filter_map(|role| role.checked_rem(known.roles))
                .collect();
        }
        let (pick, of) = match &mut self {
            Self::CreateAccount { .. } | Self::CreateRole(_) | Self::CreateGroup(_) => {
                return Some(self);
            }
            Self::CreateCredential { account, .. }
            | Self::CreateApiToken { account, .. }
            | Self::Disable(account)
            | Self::Enable(account)
            | Self::DeleteAccount(account)
            | Self::PutAccess(account, _)
            | Self::PutRoles(account, _) => (account, known.accounts),
            Self::EditRole(role, _) | Self::DeleteRole(role) => (role, known.roles),
            Self::EditGroup(group, _) | Self::DeleteGroup(group) => (group, known.groups),
            Self::AddMember(group, account) | Self::RemoveMember(group, account) => {
                *account = account.checked_rem(known.accounts)?;
                (group, known.groups)
            }
            Self::Issue(by, _) => (&mut by.credential, known.credentials),
            Self::Exchange(token, _) | Self::RevokeApiToken(token) => (token, known.api_tokens),
            Self::RevokeToken(by, token) => {
                if let Some(by) = by {
                    by.credential = by.credential.checked_rem(known.credentials)?;
                }
                (token, known.tokens)
            }
            Self::Rotate(credential, _)
            | Self::Narrow(credential, _)
            | Self::StopCredential(credential)
            | Self::StartCredential(credential)
            | Self::RevokeCredential(credential)
            | Self::DeleteCredential(credential) => (credential, known.credentials),
        };
        *pick = pick.checked_rem(of)?;
        Some(self)
    }
}

/// Some dozens of operations. Changes of existing things may fail half-way; of something new whose
/// making failed half-way, nobody would know the secret.
pub fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let short = select(vec![1, 59, 300, 899]).prop_map(Duration::from_secs);
    let long = select(vec![1, 24, 40 * 24]).prop_map(Duration::from_hours);
    let passing = prop_oneof![12 => short, 1 => long, 2 => Just(Duration::from_millis(500))];
    let trouble = select(vec![Trouble::Forgets, Trouble::IsGone, Trouble::IsBack]);
    let failing =
        (change(), 0..40_u32, any::<bool>()).prop_map(|(act, replies, again)| Operation::Failing {
            act,
            replies,
            again,
        });
    let operation = prop_oneof![
        12 => (caller(), ask()).prop_map(|(by, ask)| Operation::Plain(Act::Issue(by, ask))),
        4 => (pick(), ask()).prop_map(|(token, ask)| Operation::Plain(Act::Exchange(token, ask))),
        8 => change().prop_map(Operation::Plain),
        4 => making().prop_map(Operation::Plain),
        4 => failing,
        3 => passing.prop_map(Operation::Advance),
        1 => Just(Operation::Restart),
        1 => Just(Operation::RotateKey),
        1 => trouble.prop_map(Operation::Redis),
    ];
    vec(operation, 15..45)
}

fn change() -> impl Strategy<Value = Act> {
    let rotation = (select(vec![0, 60, 3_600, 86_400]), any::<[bool; 2]>());
    let rotation = rotation.prop_map(|(overlap_secs, [end_overlap, revoke_tokens])| Rotation {
        overlap_secs,
        end_overlap,
        revoke_tokens,
    });
    prop_oneof![
        14 => (option::weighted(0.4, caller()), any::<usize>()).prop_map(|(by, token)| Act::RevokeToken(by, token)),
        7 => pick().prop_map(Act::Disable),
        12 => pick().prop_map(Act::Enable),
        1 => pick().prop_map(Act::DeleteAccount),
        8 => (pick(), access()).prop_map(|(account, access)| Act::PutAccess(account, access)),
        4 => (pick(), roles()).prop_map(|(account, roles)| Act::PutRoles(account, roles)),
        5 => (few(), access()).prop_map(|(role, access)| Act::EditRole(role, access)),
        1 => few().prop_map(Act::DeleteRole),
        3 => (few(), roles()).prop_map(|(group, roles)| Act::EditGroup(group, roles)),
        1 => few().prop_map(Act::DeleteGroup),
        5 => (few(), pick()).prop_map(|(group, account)| Act::AddMember(group, account)),
        4 => (few(), pick()).prop_map(|(group, account)| Act::RemoveMember(group, account)),
        8 => (pick(), rotation).prop_map(|(credential, how)| Act::Rotate(credential, how)),
        7 => (pick(), option::weighted(0.7, access())).prop_map(|(credential, to)| Act::Narrow(credential, to)),
        2 => pick().prop_map(Act::StopCredential),
        4 => pick().prop_map(Act::StartCredential),
        2 => pick().prop_map(Act::RevokeApiToken),
        1 => pick().prop_map(Act::RevokeCredential),
        1 => pick().prop_map(Act::DeleteCredential),
    ]
}

fn making() -> impl Strategy<Value = Act> {
    let account = (access(), role(), lifetime_secs());
    let credential = (pick(), option::of(access()), lifetime_secs());
    let lifetime = select(vec![86_400, 50 * 86_400]);
    let api_token = (pick(), option::of(access()), lifetime);
    prop_oneof![
        api_token.prop_map(|(account, narrowing, lifetime_secs)| Act::CreateApiToken {
            account,
            narrowing,
            lifetime_secs
        }),
        access().prop_map(Act::CreateRole),
        roles().prop_map(Act::CreateGroup),
        account.prop_map(|(access, role, lifetime_secs)| Act::CreateAccount {
            access,
            role,
            lifetime_secs
        }),
        credential.prop_map(
            |(account, narrowing, lifetime_secs)| Act::CreateCredential {
                account,
                narrowing,
                lifetime_secs
            }
        ),
    ]
}

fn caller() -> impl Strategy<Value = Caller> {
    let older_secret = prop::bool::weighted(0.1);
    (pick(), older_secret).prop_map(|(credential, older_secret)| Caller {
        credential,
        older_secret,
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let api = option::weighted(
        0.4,
        select(vec![Api::Deploy, Api::Deploy, Api::Wiki, Api::Ostler]),
    );
    let usual = subsequence(vec!["read", "write"], 1..=2);
    let all = subsequence(vec!["read", "edit", "accounts:read"], 1..=2);
    let scopes = option::weighted(0.4, prop_oneof![2 => usual, 1 => all]);
    let expires_in = option::weighted(0.2, select(vec![1, 60, 100_000]));
    (api, scopes, option::weighted(0.2, keys()), expires_in).prop_map(
        |(api, scopes, keys, expires_in)| Ask {
            api,
            scopes: scopes.map(BTreeSet::from_iter),
            keys,
            expires_in,
        },
    )
}

fn access() -> impl Strategy<Value = Access> {
    let grants = |count| vec(prop_oneof![3 => deploy(), 1 => wiki()], count);
    prop_oneof![6 => grants(1..4), 1 => grants(0..1)]
}

fn deploy() -> impl Strategy<Value = Grant> {
    let scopes = subsequence(vec!["read", "write"], 1..=2);
    (scopes, keys()).prop_map(|(scopes, keys)| Grant {
        api: Api::Deploy,
        scopes: scopes.into_iter().collect(),
        keys,
    })
}

fn wiki() -> impl Strategy<Value = Grant> {
    subsequence(vec!["read", "edit"], 1..=2).prop_map(|scopes| Grant {
        api: Api::Wiki,
        scopes: scopes.into_iter().collect(),
        keys: Keys::NONE,
    })
}

fn keys() -> impl Strategy<Value = Keys> {
    let some = subsequence(PROJECTS.to_vec(), 0..=PROJECTS.len());
    let some = some.prop_map(|keys| Keys::Listed(keys.into_iter().collect()));
    prop_oneof![4 => some, 1 => Just(Keys::All)]
}

fn role() -> impl Strategy<Value = Role> {
    select(vec![Role::None, Role::Auditor, Role::Operator])
}

fn roles() -> impl Strategy<Value = Roles> {
    let own = prop::collection::btree_set(few(), 0..=2);
    (role(), own).prop_map(|(built_in, own)| Roles { built_in, own })
}

/// One of the few roles or groups.
fn few() -> impl Strategy<Value = Pick> {
    0..3_usize
}

fn lifetime_secs() -> impl Strategy<Value = Option<i64>> {
    option::weighted(0.35, select(vec![90, 3_600]))
}

fn pick() -> impl Strategy<Value = Pick> {
    // The first account gets around most.
    prop_oneof![2 => Just(0_usize), 3 => 0..5_usize]
}
