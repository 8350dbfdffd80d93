//! The token path by part: what each step of a request costs, in the order in which they happen.
//!
//!     cargo bench --bench micro
//!     cargo bench --bench micro -- token
//!
//! Everything runs on a real, initialised server in this process, on the embedded store; only the
//! sockets are left out.

#![expect(
    clippy::unwrap_used,
    reason = "what is measured succeeds, or there is nothing to measure"
)]

mod stage;

use std::hint::black_box;

use axum::body::Body;
use axum::http::Request;
use criterion::BatchSize;
use criterion::Criterion;
use ostler::app::clients;
use ostler::app::tokens;
use ostler::domain::signing_key::Algorithm;
use ostler::domain::token::TokenTyp;
use ostler::jwt::RemoteKeys;
use ostler::oauth::authorization::Authorization;
use ostler::oauth::client_auth::PresentedCredential;
use ostler::oauth::grant;
use tokio::runtime::Handle;

use stage::Stage;
use stage::TOKEN_BODY;
use stage::read_form;
use stage::ready;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let _inside = runtime.enter();
    let stage = runtime.block_on(Stage::set());
    let mut criterion = Criterion::default().configure_from_args();
    read(&mut criterion, &stage);
    decide(&mut criterion, &stage);
    refuse(&mut criterion, &stage);
    write(&mut criterion, &stage);
    come_back(&mut criterion, &stage);
    whole(&mut criterion, &stage);
    criterion.final_summary();
}

/// What the request says.
fn read(criterion: &mut Criterion, stage: &Stage) {
    criterion.bench_function("token/1 read the form", |b| {
        b.iter(|| read_form(black_box(TOKEN_BODY)));
    });
    let form = read_form(TOKEN_BODY);
    criterion.bench_function("token/2 read the credential", |b| {
        b.iter(|| {
            let header = Authorization::parse([black_box(stage.basic.as_bytes())]).unwrap();
            PresentedCredential::of_request(header, &form).unwrap()
        });
    });
}

/// Whether it is let in, and to what.
fn decide(criterion: &mut Criterion, stage: &Stage) {
    criterion.bench_function("token/3 find the client", |b| {
        b.iter(|| ready(stage.app.directory.client(black_box(stage.client_id))));
    });
    criterion.bench_function("token/4 hash the secret", |b| {
        b.iter(|| stage.app.pepper.hash(black_box(&stage.secret)));
    });
    criterion.bench_function("token/3-5 authenticate, and note the use", |b| {
        b.iter(|| {
            ready(clients::authenticate(
                &stage.app,
                &stage.presented,
                &stage::from(),
            ))
            .unwrap()
        });
    });
    let form = read_form(TOKEN_BODY);
    let facts = stage.facts();
    criterion.bench_function("token/6 decide", |b| {
        b.iter(|| grant::decide(black_box(&form), &facts).unwrap());
    });
}

/// Whom it is not: neither the time nor anything else may tell why (security case 2).
fn refuse(criterion: &mut Criterion, stage: &Stage) {
    let runtime = Handle::current();
    for (why, presented) in stage.strangers() {
        criterion.bench_function(&format!("refuse/{why}"), |b| {
            b.iter(|| {
                let from = stage::from();
                let asked = clients::authenticate(&stage.app, &presented, &from);
                runtime.block_on(asked).unwrap_err()
            });
        });
    }
}

/// What the token says, and the proof of it.
fn write(criterion: &mut Criterion, stage: &Stage) {
    let ring = &stage.app.key_ring;
    let prepare = |algorithm| {
        ring.prepare(TokenTyp::AtJwt, algorithm, &stage.claims)
            .unwrap()
    };
    criterion.bench_function("token/7 write", |b| {
        b.iter(|| prepare(Algorithm::Es256));
    });
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        criterion.bench_function(&format!("token/8 sign, {algorithm}"), |b| {
            b.iter_batched(
                || prepare(algorithm),
                |unsigned| ready(unsigned.sign()).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
}

/// A token that comes back.
fn come_back(criterion: &mut Criterion, stage: &Stage) {
    let keys = RemoteKeys::parse(&stage.app.key_ring.jwks().body).unwrap();
    let issuer = stage.app.config.server.issuer.as_str();
    let now = stage.app.clock.now();
    for (algorithm, token) in &stage.tokens {
        criterion.bench_function(&format!("introspect/1 verify, {algorithm}"), |b| {
            b.iter(|| keys.verify(black_box(token), issuer, now).unwrap());
        });
    }
    let token = &stage.tokens[0].1;
    criterion.bench_function("introspect/1 recognise a token seen before", |b| {
        b.iter(|| {
            stage
                .app
                .key_ring
                .verify(black_box(token), issuer, now)
                .unwrap()
        });
    });
    criterion.bench_function("introspect/1-2 and ask for its standing", |b| {
        b.iter(|| {
            ready(tokens::check(&stage.app, black_box(token)))
                .unwrap()
                .unwrap()
        });
    });
}

/// Whole requests, from the edge inwards.
fn whole(criterion: &mut Criterion, stage: &Stage) {
    let mut answer = |name: &str, request: &dyn Fn() -> Request<Body>| {
        criterion.bench_function(name, |b| {
            b.iter_batched(
                request,
                |request| {
                    let Ok(response) = ready(stage.edge.answer(stage.peer, request));
                    assert_eq!(response.status(), 200);
                    response
                },
                BatchSize::SmallInput,
            );
        });
    };
    answer("whole/jwks", &|| stage::get("/.well-known/jwks.json"));
    answer("whole/token, ES256", &|| {
        stage.post("/oauth/token", TOKEN_BODY)
    });
    let introspection = format!("token={}", stage.tokens[0].1);
    answer("whole/introspect, seen before", &|| {
        stage.post("/oauth/introspect", &introspection)
    });
}
