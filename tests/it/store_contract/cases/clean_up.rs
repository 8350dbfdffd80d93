//! Forgetting secrets that ended long ago.

use ostler::domain::credential::Credential;
use ostler::domain::credential::CredentialKind;
use ostler::domain::organization::Status;
use ostler::domain::secret::StoredSecret;
use ostler::store::CleanedUp;
use ostler::store::Lookup;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::at;
use crate::store_contract::things::credential;
use crate::store_contract::things::event_of;
use crate::store_contract::things::first_page;
use crate::store_contract::things::secret;

pub async fn what_ended_is_forgotten_with_what_it_leaves_bare(bench: &mut Bench) {
    let organization = bench.organization("alpha").await.id;
    let foreign = bench.organization("beta").await.id;
    let account = bench.account(organization, "deploy-bot").await;
    let stranger = bench.account(foreign, "deploy-bot").await;
    let forever = || StoredSecret {
        ends_at: None,
        ..secret(1_000)
    };
    // One that ended at 1,500; one with a newer secret; one that was revoked; one that lives.
    let ended = credential(&account, "ended");
    let rotated = Credential {
        secrets: vec![secret(1_000), forever()],
        ..credential(&account, "rotated")
    };
    let revoked = Credential {
        secrets: vec![forever()],
        ..credential(&account, "revoked")
    };
    let alive = Credential {
        secrets: vec![forever()],
        ..credential(&account, "alive")
    };
    let token = Credential {
        kind: CredentialKind::ApiToken,
        ..credential(&account, "ended")
    };
    let others = credential(&stranger, "ended");
    let mut change = bench.change(organization).await;
    for credential in [&ended, &rotated, &revoked, &alive, &token] {
        ok!(change.add_credential(credential));
    }
    ok!(change.set_credential_status(organization, revoked.id, Status::Revoked, at(1_400)));
    ok!(change.commit(&event_of(organization)));
    let mut change = bench.change(foreign).await;
    ok!(change.add_credential(&others));
    ok!(change.commit(&event_of(foreign)));

    let store = bench.store();
    empty!(store.list_organizations_to_clean_up(at(1_399)));
    let found = store.list_organizations_to_clean_up(at(1_400)).await;
    assert_eq!(found.unwrap(), [organization]);
    let mut found = store
        .list_organizations_to_clean_up(at(1_500))
        .await
        .unwrap();
    found.sort_unstable();
    let mut both = [organization, foreign];
    both.sort_unstable();
    assert_eq!(found, both);

    let mut change = bench.change(organization).await;
    let nothing = change.clean_up_secrets(organization, at(1_399)).await;
    assert_eq!(nothing.unwrap(), CleanedUp::default());
    let mut cleaned_up = change
        .clean_up_secrets(organization, at(1_500))
        .await
        .unwrap();
    ok!(change.commit(&event_of(organization)));
    cleaned_up.credentials.sort_unstable();
    let mut gone = [ended.id, revoked.id];
    gone.sort_unstable();
    assert_eq!(cleaned_up.secrets, 4);
    assert_eq!(cleaned_up.credentials, gone);
    assert_eq!(cleaned_up.api_tokens.len(), 1);
    assert_eq!(cleaned_up.api_tokens[0].credential(), token.id);

    let store = bench.reopen().await;
    let left = store.list_credentials(organization, None, first_page());
    let mut left: Vec<_> = left
        .await
        .unwrap()
        .into_iter()
        .map(|left| left.id)
        .collect();
    left.sort_unstable();
    let mut kept = [rotated.id, alive.id];
    kept.sort_unstable();
    assert_eq!(left, kept);
    let lookup = Lookup::Id(rotated.id);
    let found = store.find_credential(organization, account.id, &lookup);
    let found = found.await.unwrap().unwrap();
    assert_eq!(found.secrets.len(), 1);
    assert_eq!(found.secrets[0].id, rotated.secrets[1].id);
    none!(store.find_client(token.client_id));
    assert!(store.find_client(others.client_id).await.unwrap().is_some());
    let found = store.list_organizations_to_clean_up(at(1_500)).await;
    assert_eq!(found.unwrap(), [foreign]);
}
