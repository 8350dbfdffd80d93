//! Edits of organizations, accounts and credentials, and the versions of things.

use std::collections::BTreeMap;
use std::time::Duration;

use ostler::domain::account::ServiceAccount;
use ostler::domain::credential::Credential;
use ostler::domain::id::OrganizationId;
use ostler::domain::name::AccountName;
use ostler::domain::name::Label;
use ostler::domain::organization::Generation;
use ostler::domain::organization::LeakReport;
use ostler::domain::organization::Organization;
use ostler::domain::organization::Policy;
use ostler::domain::organization::Status;
use ostler::domain::role::BuiltInRole;
use ostler::domain::version::Version;
use ostler::store::Change;
use ostler::store::Holder;
use ostler::store::Lookup;
use ostler::store::Store;
use ostler::store::WriteError;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::access;
use crate::store_contract::things::account;
use crate::store_contract::things::at;
use crate::store_contract::things::event_of;
use crate::store_contract::things::secret;

async fn organization_of(store: &dyn Store, id: OrganizationId) -> Organization {
    ok!(store.find_organization(&Lookup::Id(id))).unwrap()
}

async fn account_of(store: &dyn Store, known: &ServiceAccount) -> ServiceAccount {
    ok!(store.find_account(known.organization, &Lookup::Id(known.id))).unwrap()
}

async fn credential_of(store: &dyn Store, known: &Credential) -> Credential {
    let lookup = Lookup::Id(known.id);
    ok!(store.find_credential(known.organization, known.account, &lookup)).unwrap()
}

pub async fn an_organization_is_edited_and_its_generation_rises(bench: &mut Bench) {
    let before = bench.organization("alpha").await;
    let other = bench.organization("beta").await;
    let edited = Organization {
        status: Status::Disabled,
        max_service_accounts: None,
        policy: Policy {
            leak_report: LeakReport::Revoke,
            allow_never_expires: true,
            max_token_lifetime: None,
        },
        ..before.clone()
    };
    let mut change = bench.change(before.id).await;
    ok!(change.update_organization(&edited));
    assert_eq!(
        ok!(change.raise_organization_generation(before.id)),
        Generation(2)
    );
    ok!(change.commit(&event_of(before.id)));

    let store = bench.reopen().await;
    let found = organization_of(store, before.id).await;
    assert_eq!(found.status, Status::Disabled);
    assert_eq!(found.generation, Generation(2));
    assert_eq!(found.max_service_accounts, None);
    assert_eq!(found.policy, edited.policy);
    assert_eq!(
        (found.name, found.created_at),
        (before.name, before.created_at)
    );
    assert_eq!(found.version, Version(3));
    let untouched = organization_of(store, other.id).await;
    assert_eq!(
        (untouched.generation, untouched.version),
        (Generation(1), Version(1))
    );
}

pub async fn an_account_is_edited_and_its_name_stays_unique(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let before = bench.account(organization, "deploy-bot").await;
    let other = bench.account(organization, "other-bot").await;
    let edited = ServiceAccount {
        name: AccountName::parse("Release-Bot").unwrap(),
        description: None,
        owner: Some("ops@example.org".to_owned()),
        labels: BTreeMap::new(),
        expires_at: None,
        max_token_lifetime: Some(Duration::from_mins(7)),
        updated_at: at(2_000),
        // What is not edited stays, whatever is said of it.
        email: "other@example.org".to_owned(),
        status: Status::Disabled,
        generation: Generation(9),
        ..before.clone()
    };
    let mut change = bench.change(organization).await;
    ok!(change.update_account(&edited));
    ok!(change.commit(&event_of(organization)));

    let expected = ServiceAccount {
        email: before.email.clone(),
        status: before.status,
        generation: before.generation,
        version: Version(2),
        ..edited.clone()
    };
    let found = account_of(bench.reopen().await, &before).await;
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));

    let mut change = bench.change(organization).await;
    let taken = ServiceAccount {
        name: AccountName::parse("OTHER-bot").unwrap(),
        ..edited.clone()
    };
    let taken = change.update_account(&taken).await;
    assert!(matches!(taken, Err(WriteError::Taken)));
    drop(change);
    // Its own name in another case is not taken, and the one it had is free.
    let mut change = bench.change(organization).await;
    let own = ServiceAccount {
        name: AccountName::parse("RELEASE-bot").unwrap(),
        ..edited
    };
    ok!(change.update_account(&own));
    let heir = ServiceAccount {
        name: before.name.clone(),
        ..other
    };
    ok!(change.update_account(&heir));
    let stranger = account(organization, "strange-bot");
    let missing = change.update_account(&stranger).await;
    assert!(matches!(missing, Err(WriteError::Store(_))));
}

pub async fn a_credential_is_edited_and_its_name_stays_unique(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let owner = bench.account(organization, "deploy-bot").await;
    let before = bench.credential(&owner, "one").await;
    bench.credential(&owner, "two").await;
    let edited = Credential {
        name: Label::parse("renamed").unwrap(),
        allowed_networks: Vec::new(),
        ..before.clone()
    };
    let mut change = bench.change(organization).await;
    ok!(change.update_credential(&edited, at(2_000)));
    ok!(change.commit(&event_of(organization)));
    let found = credential_of(bench.reopen().await, &before).await;
    let expected = Credential {
        version: Version(2),
        ..edited.clone()
    };
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));

    let taken = Credential {
        name: Label::parse("two").unwrap(),
        ..edited
    };
    let mut change = bench.change(organization).await;
    let taken = change.update_credential(&taken, at(2_000)).await;
    assert!(matches!(taken, Err(WriteError::Taken)));
}

pub async fn accounts_are_named_within_their_organization(bench: &mut Bench) {
    let alpha = bench.organization("alpha").await.id;
    let beta = bench.organization("beta").await.id;
    let own = bench.account(alpha, "deploy-bot").await;
    let foreign = bench.account(beta, "other-bot").await;
    let store = bench.store();
    let ids = [own.id, foreign.id];
    let found = ok!(store.list_account_names(alpha, &ids));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0, found[0].1.as_str()), (own.id, "deploy-bot"));
    empty!(store.list_account_names(alpha, &[]));
}

/// Makes a change of an account or its credential.
type Edit = for<'c> fn(
    &'c mut dyn Change,
    &'c ServiceAccount,
    &'c Credential,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'c>>;

pub async fn every_change_of_a_thing_raises_its_version(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let owner = bench.account(organization, "deploy-bot").await;
    let credential = bench.credential(&owner, "one").await;
    let of_account: [(&str, Edit); 4] = [
        ("status", |change, owner, _| {
            Box::pin(async move {
                let status = Status::Disabled;
                ok!(change.set_account_status(owner.organization, owner.id, status, at(2)));
            })
        }),
        ("generation", |change, owner, _| {
            Box::pin(async move {
                ok!(change.raise_account_generation(owner.organization, owner.id));
            })
        }),
        ("roles", |change, owner, _| {
            Box::pin(async move {
                let roles = [BuiltInRole::Auditor.id()];
                ok!(change.replace_roles(owner.organization, owner.id, &roles));
            })
        }),
        ("access", |change, owner, _| {
            Box::pin(async move {
                let holder = Holder::Account(owner.id);
                ok!(change.replace_access(owner.organization, holder, Some(&access([]))));
            })
        }),
    ];
    let of_credential: [(&str, Edit); 6] = [
        ("status", |change, owner, credential| {
            Box::pin(async move {
                let status = Status::Disabled;
                let done =
                    change.set_credential_status(owner.organization, credential.id, status, at(2));
                ok!(done);
            })
        }),
        ("generation", |change, owner, credential| {
            Box::pin(async move {
                ok!(change.raise_credential_generation(owner.organization, credential.id));
            })
        }),
        ("narrowing", |change, owner, credential| {
            Box::pin(async move {
                let holder = Holder::Credential(credential.id);
                ok!(change.replace_access(owner.organization, holder, Some(&access([]))));
            })
        }),
        ("a new secret", |change, owner, credential| {
            Box::pin(async move {
                ok!(change.add_secret(owner.organization, credential.id, &secret(2)));
            })
        }),
        ("the end of a secret", |change, owner, credential| {
            Box::pin(async move {
                let first = credential.secrets[0].id;
                ok!(change.set_secret_end(owner.organization, first, Some(at(3))));
            })
        }),
        ("a revoked secret", |change, owner, credential| {
            Box::pin(async move {
                let first = credential.secrets[0].id;
                ok!(change.revoke_secret(owner.organization, first, at(3)));
            })
        }),
    ];
    for (what, edit) in of_account {
        let before = account_of(bench.store(), &owner).await.version;
        make(bench, edit, &owner, &credential).await;
        let after = account_of(bench.store(), &owner).await.version;
        assert!(before < after, "{what}");
    }
    for (what, edit) in of_credential {
        let before = credential_of(bench.store(), &credential).await.version;
        make(bench, edit, &owner, &credential).await;
        let after = credential_of(bench.store(), &credential).await.version;
        assert!(before < after, "{what}");
    }
}

async fn make(bench: &Bench, edit: Edit, owner: &ServiceAccount, credential: &Credential) {
    let mut change = bench.change(owner.organization).await;
    edit(change.as_mut(), owner, credential).await;
    ok!(change.commit(&event_of(owner.organization)));
}
