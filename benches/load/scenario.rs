//! What is measured.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::generator;
use crate::generator::Load;
use crate::ostler::ALGORITHMS;
use crate::ostler::Contents;
use crate::ostler::SCOPES;
use crate::requests;
use crate::requests::Request;

/// A kind of request, and how it is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scenario {
    /// Tokens, by the position of their algorithm in [`ALGORITHMS`].
    Token(usize),
    /// ES256 tokens on a single connection.
    OneConnection,
    /// ES256 tokens on few connections while RS256 tokens saturate the server.
    BesideRsa,
    /// Introspection of tokens that the server has never seen.
    FirstSeen,
    /// Introspection of tokens that it has.
    SeenBefore,
    /// The public keys.
    Jwks,
}

/// How many connections a usual load has.
pub const CONNECTIONS: usize = 64;

/// How many tokens are introspected again and again.
const FAMILIAR: usize = 3_000;

impl Scenario {
    pub const ALL: [Self; 8] = [
        Self::Token(0),
        Self::Token(1),
        Self::Token(2),
        Self::FirstSeen,
        Self::SeenBefore,
        Self::Jwks,
        Self::OneConnection,
        Self::BesideRsa,
    ];

    pub fn name(self) -> String {
        match self {
            Self::Token(algorithm) => format!("token-{}", ALGORITHMS[algorithm].to_lowercase()),
            Self::OneConnection => "token-es256-one-connection".to_owned(),
            Self::BesideRsa => "token-es256-beside-rs256".to_owned(),
            Self::FirstSeen => "introspect-first-seen".to_owned(),
            Self::SeenBefore => "introspect-seen-before".to_owned(),
            Self::Jwks => "jwks".to_owned(),
        }
    }

    /// Whether every round needs tokens that no server has seen.
    pub fn needs_new_tokens(self) -> bool {
        self == Self::FirstSeen
    }

    /// How many tokens a round of this length uses up or keeps in turn.
    pub fn tokens(self, turn: Duration) -> usize {
        match self {
            Self::SeenBefore => FAMILIAR,
            // More than any server verifies in a second.
            Self::FirstSeen => 20_000 * usize::try_from(turn.as_secs() + 1).unwrap_or(1),
            _ => 0,
        }
    }

    /// What is sent. The first load is the one that counts.
    pub fn loads(self, contents: &Contents, tokens: &[String]) -> Vec<Rc<Load>> {
        let scope = SCOPES.replace(' ', "+");
        let token = |algorithm: usize, connections| {
            let clients = contents.clients_of(algorithm);
            let requests = clients
                .map(|client| client.token("/oauth/token", &scope))
                .collect();
            load(requests, connections, "{\"access_token\":\"")
        };
        let introspect = |tokens: &[String]| {
            let introspector = contents.introspector();
            let requests = tokens
                .iter()
                .map(|token| introspector.introspection(token))
                .collect();
            load(requests, CONNECTIONS, "{\"active\":true,")
        };
        match self {
            Self::Token(algorithm) => vec![token(algorithm, CONNECTIONS)],
            Self::OneConnection => vec![token(0, 1)],
            Self::BesideRsa => vec![token(0, 4), token(2, CONNECTIONS - 4)],
            Self::SeenBefore => vec![introspect(tokens)],
            Self::FirstSeen => vec![Rc::new(Load {
                once: true,
                ..Rc::into_inner(introspect(tokens)).expect("just made")
            })],
            Self::Jwks => {
                let request = requests::get("/.well-known/jwks.json");
                vec![load(vec![request], CONNECTIONS, "{\"keys\":[")]
            }
        }
    }
}

fn load(requests: Vec<Request>, connections: usize, expected: &'static str) -> Rc<Load> {
    Rc::new(Load {
        requests,
        once: false,
        expected,
        connections,
    })
}

/// New ES256 tokens from the real server.
pub async fn new_tokens(
    server: SocketAddr,
    contents: &Contents,
    count: usize,
) -> io::Result<Vec<String>> {
    let scope = SCOPES.replace(' ', "+");
    let clients = contents.clients_of(0);
    let requests: Vec<_> = clients
        .map(|client| client.token("/oauth/token", &scope))
        .collect();
    let answers = generator::answers(server, &requests, count).await?;
    Ok(answers
        .iter()
        .filter_map(|answer| token_in(answer))
        .collect())
}

/// The token in an answer.
pub fn token_in(answer: &str) -> Option<String> {
    let rest = answer.strip_prefix("{\"access_token\":\"")?;
    Some(rest.split_once('"')?.0.to_owned())
}
