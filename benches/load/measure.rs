//! The run: servers in turn, round by round, scenario by scenario.

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use crate::cores;
use crate::cores::Cores;
use crate::floor;
use crate::floor::Issued;
use crate::floor::Plan;
use crate::generator;
use crate::generator::Load;
use crate::options::Options;
use crate::ostler;
use crate::ostler::ALGORITHMS;
use crate::ostler::Contents;
use crate::ostler::Place;
use crate::ostler::SCOPES;
use crate::peers;
use crate::peers::Common;
use crate::process::Server;
use crate::report::Measured;
use crate::report::Report;
use crate::requests;
use crate::requests::Request;
use crate::scenario;
use crate::scenario::Scenario;

/// Before a turn counts: connections open, caches fill, the clock of the core rises.
const WARM_UP: Duration = Duration::from_millis(300);

/// What a server is asked in a scenario, given tokens that may be used in it; `None` when it takes no
/// part.
pub type Loads = dyn Fn(Scenario, &[String]) -> Option<Vec<Rc<Load>>>;

/// A server that takes turns with the others.
pub struct Contender {
    pub name: &'static str,
    pub address: SocketAddr,
    pub server: Server,
    /// Whether it is a build of Ostler, whose tokens the others take for theirs.
    pub is_ours: bool,
    /// How long after the last request it may begin to do something in the background.
    pub begins_within: Duration,
    pub loads: Box<Loads>,
}

/// Measures everything.
pub async fn run(options: &Options) -> Result<Report, Box<dyn Error>> {
    let cores = Cores::choose()?;
    cores::pin(cores.generator)?;
    let place = Place::new(&options.directory.join("ostler"), options.reuse)?;
    let contents = Rc::new(place.fill(options.accounts, cores).await?);

    let beside = options.beside.as_ref();
    let beside = beside
        .map(|binary| place.beside(binary, &options.directory.join("beside")))
        .transpose()?;

    let mut report = Report::new(options)?;
    let ostler = start("ostler", &place, &contents, cores).await?;
    report.resident_at_start = ostler.server.resident()?;
    let plan = plan(&place, &contents).await?;
    let mut contenders = vec![floor(options, &plan, &contents, cores).await?, ostler];
    if let Some(place) = beside {
        contenders.push(start("beside", &place, &contents, cores).await?);
    }
    if options.peers {
        let common = Common {
            client: contents.clients_of(0).next().ok_or("no client")?,
            key_file: &plan.issued[0].key_file,
            directory: options.directory.join("peers"),
        };
        contenders.extend(peers::start(&common, cores).await?);
    }
    for scenario in Scenario::ALL {
        let name = scenario.name();
        if options
            .only
            .as_ref()
            .is_some_and(|only| !only.contains(&name))
        {
            continue;
        }
        eprintln!("load: {name}");
        let rounds = measure(scenario, options, &contents, &contenders).await?;
        report.add(scenario, rounds);
    }
    drop(contenders);
    report.first_token = first_token(&place, &contents, cores).await?;
    fs::write(&options.json, serde_json::to_vec_pretty(&report)?)?;
    Ok(report)
}

/// The rounds of one scenario, each with the measures of all that take part.
async fn measure(
    scenario: Scenario,
    options: &Options,
    contents: &Contents,
    contenders: &[Contender],
) -> Result<Vec<Vec<Measured>>, Box<dyn Error>> {
    let mut tokens = Vec::new();
    let mut rounds = Vec::new();
    for round in 0..options.rounds {
        if tokens.is_empty() || scenario.needs_new_tokens() {
            tokens = fetch_tokens(scenario, options, contents, contenders).await?;
        }
        let mut measured = Vec::new();
        let mut order: Vec<_> = contenders.iter().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for contender in order {
            if let Some(loads) = (contender.loads)(scenario, &tokens) {
                measured.push(take_turn(contender, &loads, options.turn).await?);
            }
        }
        rounds.push(measured);
    }
    Ok(rounds)
}

async fn fetch_tokens(
    scenario: Scenario,
    options: &Options,
    contents: &Contents,
    contenders: &[Contender],
) -> io::Result<Vec<String>> {
    let count = scenario.tokens(options.turn + WARM_UP);
    if count == 0 {
        return Ok(Vec::new());
    }
    // From each of our own as many: what a server has done before shows in what it does next.
    let issuers: Vec<_> = contenders.iter().filter(|one| one.is_ours).collect();
    let mut tokens = Vec::new();
    for issuer in &issuers {
        let count = count / issuers.len();
        tokens.extend(scenario::new_tokens(issuer.address, contents, count).await?);
    }
    for issuer in issuers {
        issuer.server.rest(issuer.begins_within).await?;
    }
    Ok(tokens)
}

async fn take_turn(
    contender: &Contender,
    loads: &[Rc<Load>],
    turn: Duration,
) -> Result<Measured, Box<dyn Error>> {
    let say = |error: io::Error| format!("{}: {error}", contender.name);
    let cpu = contender.server.cpu()?;
    let warm_up = generator::run(contender.address, &halves(loads).0, WARM_UP).await;
    let warm_up = warm_up.map_err(say)?;
    let outcomes = generator::run(contender.address, &halves(loads).1, turn).await;
    let outcomes = outcomes.map_err(say)?;
    contender.server.rest(contender.begins_within).await?;
    // What it did in the background belongs to it too, so all of the time is shared by all requests.
    let cpu = contender.server.cpu()?.saturating_sub(cpu);
    let answered = outcomes
        .iter()
        .chain(&warm_up)
        .map(|outcome| outcome.latencies.total());
    let resident = contender.server.resident()?;
    Ok(Measured::new(
        contender.name,
        &outcomes[0],
        cpu,
        answered.sum(),
        resident,
    ))
}

/// The part for warming up and the part that counts: requests that may be sent once are dealt out.
fn halves(loads: &[Rc<Load>]) -> (Vec<Rc<Load>>, Vec<Rc<Load>>) {
    let halves = loads.iter().map(|load| {
        if !load.once {
            return (Rc::clone(load), Rc::clone(load));
        }
        let (first, second) = load.requests.split_at(load.requests.len() / 5);
        let part = |requests: &[_]| {
            Rc::new(Load {
                requests: requests.to_vec(),
                ..**load
            })
        };
        (part(first), part(second))
    });
    halves.unzip()
}

fn loads_of(contents: &Rc<Contents>) -> Box<Loads> {
    let contents = Rc::clone(contents);
    Box::new(move |scenario, tokens| Some(scenario.loads(&contents, tokens)))
}

/// What the floor needs to answer as the running server does.
async fn plan(place: &Place, contents: &Contents) -> Result<Plan, Box<dyn Error>> {
    let scope = SCOPES.replace(' ', "+");
    let keys = place.key_files()?;
    let mut plan = Plan {
        listen: ostler::free_address()?,
        clients: Vec::new(),
        issued: Vec::new(),
        introspection_answer: String::new(),
        jwks: one(place.address, requests::get("/.well-known/jwks.json")).await?,
    };
    for algorithm in 0..ALGORITHMS.len() {
        let clients: Vec<_> = contents.clients_of(algorithm).collect();
        let answer = one(place.address, clients[0].token("/oauth/token", &scope)).await?;
        let key_file = floor::key_of(&answer, &keys).ok_or("no key made this token")?;
        let known = clients
            .into_iter()
            .map(|client| floor::Client::new(client, algorithm));
        plan.clients.extend(known);
        plan.issued.push(Issued { key_file, answer });
    }
    let introspector = contents.introspector();
    let token = scenario::token_in(&plan.issued[0].answer).ok_or("no token")?;
    plan.introspection_answer = one(place.address, introspector.introspection(&token)).await?;
    plan.clients.push(floor::Client::new(introspector, 0));
    Ok(plan)
}

/// Starts the real server of a place.
async fn start(
    name: &'static str,
    place: &Place,
    contents: &Rc<Contents>,
    cores: Cores,
) -> io::Result<Contender> {
    let server = place.start(cores)?;
    ostler::until_it_accepts(place.address).await?;
    Ok(Contender {
        name,
        address: place.address,
        server,
        is_ours: true,
        // Usage is written every four seconds.
        begins_within: Duration::from_millis(4_500),
        loads: loads_of(contents),
    })
}

/// Starts the floor.
async fn floor(
    options: &Options,
    plan: &Plan,
    contents: &Rc<Contents>,
    cores: Cores,
) -> Result<Contender, Box<dyn Error>> {
    let file = options.directory.join("floor.json");
    fs::write(&file, serde_json::to_vec(plan)?)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(floor::ARGUMENT).arg(file);
    let server = Server::start(command, cores)?;
    ostler::until_it_accepts(plan.listen).await?;
    Ok(Contender {
        name: "floor",
        address: plan.listen,
        server,
        is_ours: false,
        begins_within: Duration::ZERO,
        loads: loads_of(contents),
    })
}

async fn one(server: SocketAddr, request: Request) -> io::Result<String> {
    let answers = generator::answers(server, &[request], 1).await?;
    answers
        .into_iter()
        .next()
        .ok_or_else(|| io::Error::other("no answer"))
}

/// From the start of the process to its first token, in the best of five: the time that it cannot do
/// without.
async fn first_token(place: &Place, contents: &Contents, cores: Cores) -> io::Result<Duration> {
    let client = contents
        .clients_of(0)
        .next()
        .ok_or_else(|| io::Error::other("no client"))?;
    let request = client.token("/oauth/token", "read");
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        let server = place.start(cores)?;
        ostler::until_it_accepts(place.address).await?;
        one(place.address, request.clone()).await?;
        best = best.min(started.elapsed());
        drop(server);
    }
    Ok(best)
}
