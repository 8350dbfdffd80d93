//! Usage series: what is added is added once.

use ostler::domain::credential::CredentialRef;
use ostler::domain::id::AccountId;
use ostler::domain::id::ApiId;
use ostler::domain::id::CredentialId;
use ostler::domain::id::OrganizationId;
use ostler::domain::usage_series::AddressCount;
use ostler::domain::usage_series::By;
use ostler::domain::usage_series::CountKey;
use ostler::domain::usage_series::Counted;
use ostler::domain::usage_series::Counts;
use ostler::domain::usage_series::Hour;
use ostler::domain::usage_series::NetworkUse;
use ostler::store::CountBatch;
use ostler::store::Hours;
use ostler::store::SeriesOf;
use ostler::store::Store;

use crate::store_contract::bench::Bench;
use crate::store_contract::things::at;

const HOME: OrganizationId = OrganizationId::from_bits(1);
const ACCOUNT: AccountId = AccountId::from_bits(2);
const CREDENTIAL: CredentialRef = CredentialRef::ClientSecret(CredentialId::from_bits(3));
const API: ApiId = ApiId::from_bits(4);

const EVER: Hours = Hours {
    from: Hour(0),
    until: Hour(1_000_000),
};

fn key(counted: Counted, hour: i64, api: Option<ApiId>, refusal: Option<&'static str>) -> CountKey {
    CountKey {
        organization: HOME,
        counted,
        hour: Hour(hour),
        api,
        refusal,
    }
}

fn counts(issued: u64, refused: u64, introspected: u64) -> Counts {
    Counts {
        issued,
        refused,
        introspected,
    }
}

fn batch(id: u8, hour: i64) -> CountBatch {
    let own = Counted::Account(ACCOUNT, CREDENTIAL);
    let address = |account, address: &str, count| AddressCount {
        organization: HOME,
        account,
        hour: Hour(hour),
        address: address.parse().unwrap(),
        count,
        last_at: at(hour * 3_600 + 5),
    };
    CountBatch {
        id: [id; 16],
        at: at(hour * 3_600 + 7),
        counts: vec![
            (key(own, hour, Some(API), None), counts(2, 0, 1)),
            (
                key(own, hour, None, Some("invalid_client")),
                counts(0, 3, 0),
            ),
            (
                key(Counted::Organization, hour, Some(API), None),
                counts(4, 0, 1),
            ),
        ],
        addresses: vec![
            address(Some(ACCOUNT), "192.0.2.1", 1),
            address(Some(ACCOUNT), "2001:db8::1", 4),
            address(None, "192.0.2.1", 2),
        ],
        networks: vec![NetworkUse {
            organization: HOME,
            account: ACCOUNT,
            network: "192.0.2.0/24".parse().unwrap(),
            first_at: at(hour * 3_600),
            last_at: at(hour * 3_600 + 5),
        }],
    }
}

async fn series(store: &dyn Store, of: SeriesOf, by: By, hours: Hours) -> Vec<String> {
    let rows = ok!(store.list_series(HOME, of, hours, by, 100));
    rows.into_iter()
        .map(|row| {
            let key = row.key.unwrap_or_else(|| "-".to_owned());
            let Counts {
                issued,
                refused,
                introspected,
            } = row.counts;
            format!("{} {key} {issued} {refused} {introspected}", row.hour.0)
        })
        .collect()
}

pub async fn a_batch_is_added_once_however_often_it_is_sent(bench: &mut Bench) {
    let store = bench.store();
    for again in [
        batch(1, 10),
        batch(1, 10),
        batch(2, 10),
        batch(3, 11),
        batch(1, 10),
    ] {
        ok!(store.add_counts(&again));
    }
    let store = bench.reopen().await;
    let own = SeriesOf::Account(ACCOUNT);
    assert_eq!(
        series(store, own, By::Total, EVER).await,
        ["10 - 4 6 2", "11 - 2 3 1"]
    );
    assert_eq!(
        series(store, own, By::Api, EVER).await,
        [
            "10 - 0 6 0".to_owned(),
            format!("10 {API} 4 0 2"),
            "11 - 0 3 0".to_owned(),
            format!("11 {API} 2 0 1"),
        ]
    );
    assert_eq!(
        series(store, own, By::Refusal, EVER).await,
        ["10 invalid_client 0 6 0", "11 invalid_client 0 3 0"]
    );
    assert_eq!(
        series(store, own, By::Credential, EVER).await,
        [
            format!("10 {CREDENTIAL} 4 6 2"),
            format!("11 {CREDENTIAL} 2 3 1")
        ]
    );
    let all = SeriesOf::Organization;
    assert_eq!(
        series(store, all, By::Total, EVER).await,
        ["10 - 8 0 2", "11 - 4 0 1"]
    );
    assert_eq!(
        series(store, all, By::Credential, EVER).await,
        [
            format!("10 {CREDENTIAL} 4 6 2"),
            format!("11 {CREDENTIAL} 2 3 1")
        ]
    );
    let first = Hours {
        from: Hour(10),
        until: Hour(11),
    };
    assert_eq!(series(store, own, By::Total, first).await, ["10 - 4 6 2"]);
    assert_eq!(ok!(store.list_series(HOME, own, EVER, By::Api, 3)).len(), 3);
}

pub async fn addresses_come_with_the_most_requests_first(bench: &mut Bench) {
    let store = bench.store();
    for one in [batch(1, 10), batch(2, 11)] {
        ok!(store.add_counts(&one));
    }
    let own = SeriesOf::Account(ACCOUNT);
    let rows = ok!(store.list_addresses(HOME, own, EVER, 10));
    let shown: Vec<_> = rows
        .iter()
        .map(|row| format!("{} {} {}", row.address, row.count, row.last_at.as_second()))
        .collect();
    assert_eq!(shown, ["2001:db8::1 8 39605", "192.0.2.1 2 39605"]);
    assert_eq!(ok!(store.list_addresses(HOME, own, EVER, 1)).len(), 1);
    let all = ok!(store.list_addresses(HOME, SeriesOf::Organization, EVER, 10));
    assert_eq!((all.len(), all[0].count), (1, 4));
}

pub async fn old_hours_are_forgotten(bench: &mut Bench) {
    let store = bench.store();
    for one in [batch(1, 10), batch(2, 11)] {
        ok!(store.add_counts(&one));
    }
    let own = SeriesOf::Account(ACCOUNT);
    // Three counts, three addresses and a batch; the network was used later.
    let removed = ok!(store.remove_counts(Hour(11), at(11 * 3_600 + 5)));
    assert_eq!(removed, 7);
    assert_eq!(series(store, own, By::Total, EVER).await, ["11 - 2 3 1"]);
    assert_eq!(ok!(store.list_addresses(HOME, own, EVER, 10)).len(), 2);
    assert_eq!(ok!(store.remove_counts(Hour(11), at(11 * 3_600 + 6))), 1);
    assert_eq!(ok!(store.remove_counts(Hour(11), at(11 * 3_600 + 6))), 0);
}
