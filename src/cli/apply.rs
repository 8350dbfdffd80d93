//! `ostler apply` and `ostler diff`: an organization as a file declares it.
//!
//! The file says what there should be, by name, and never a secret. Everything in it is checked
//! before anything is changed, and all that is wrong is told at once; then there is a plan, and then
//! its steps. What is not declared is left alone, a second run finds nothing to do, and a run that
//! broke off is gone on with by running it again.

mod compare;
mod declared;
mod node;
mod perform;
mod plan;
mod present;
mod reader;
mod references;

use std::path::PathBuf;

use clap::Args;

use super::connection::ConnectionArgs;
use super::environment::Environment;
use super::exposed;
use super::failure::Exit;
use super::failure::Failure;
use super::input;
use super::manner::Manner;
use super::output::OutputArgs;
use super::output::View;
use super::session::Session;
use super::shell::Shell;
use super::terminal;
use super::terminal::printable;

use declared::Declared;
use node::Node;
use plan::Plan;
use plan::counted;
use present::World;
use reader::Field;
use reader::Mistakes;

const VIEW: View = View {
    columns: &[
        ("ACTION", "action"),
        ("KIND", "kind"),
        ("NAME", "name"),
        ("CHANGES", "changes"),
    ],
    id: "name",
};

const FORM: &str = "\
The file is YAML or JSON. Everything in it is optional, and what it does not say is left alone:

  apis:
    jira:
      audience: https://jira.example.com
      resource_types: [project]
      scopes: {read: See issues, write: Change issues}
      resources: {project: {APOLLO: Apollo 11, GEMINI: }}
  roles:
    deployer:
      access: [{api: jira, scopes: [read, write], resources: {project: [APOLLO]}}]
  accounts:
    ci-deployer:
      owner: ops@example.com
      labels: {team: ops}
      roles: [deployer]
      access: [{api: jira, scopes: [read], resources: {project: \"*\"}}]
      credentials:
        github: {expires_in_seconds: 2592000, allowed_networks: [10.0.0.0/8]}
  groups:
    ci: {roles: [deployer], members: [ci-deployer]}

Things are told by their names. Lists of grants, roles, types and networks are as they stand there.
With --prune whatever is not named in a section that is there goes, but for accounts that administer.";

/// Which file, for which organization.
#[derive(Args, Clone, Debug)]
struct Source {
    /// What should be, as YAML or JSON; - for standard input
    #[arg(long, short, value_name = "FILE")]
    file: PathBuf,
    /// Delete what is not declared, in the sections that are there
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = FORM)]
pub struct Apply {
    #[command(flatten)]
    source: Source,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// A directory for the secrets of new credentials: a new file (0600) for each
    #[arg(long, value_name = "DIR")]
    secret_out: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
It ends with 0 when everything is as declared, and with 6 when not.

`ostler apply --help` tells what the file looks like.")]
pub struct Diff {
    #[command(flatten)]
    source: Source,
}

impl Apply {
    /// Shows the plan, asks, and does it.
    pub fn run(self, environment: Environment) -> Result<(), Failure> {
        super::until_done(async {
            let shell = self.source.shell(environment, Manner::asking(!self.yes));
            let session = shell.session()?;
            let plan = self.source.plan(&session).await?;
            if plan.is_empty() {
                terminal::note("✓ everything is as declared: nothing to do");
                return self.source.show(&shell, &plan);
            }
            let changes = counted(plan.steps.len(), "change");
            if self.dry_run {
                self.source.show(&shell, &plan)?;
                terminal::note(&format!("{changes} would be made, and none was"));
                return Ok(());
            }
            if self.secret_out.is_none() && plan.secrets() > 0 {
                return Err(nowhere(&plan));
            }
            self.source.show(&shell, &plan)?;
            let here = session.organization();
            let question = format!("Make {changes} in the organization {here}?");
            shell.confirm(&question).await?;
            perform::all(&session, plan, self.secret_out.as_deref()).await
        })
    }
}

impl Diff {
    /// Shows the plan.
    pub fn run(self, environment: Environment) -> Result<(), Failure> {
        super::until_done(async {
            let shell = self.source.shell(environment, Manner::default());
            let session = shell.session()?;
            let plan = self.source.plan(&session).await?;
            self.source.show(&shell, &plan)?;
            if plan.is_empty() {
                terminal::note("✓ everything is as declared");
                return Ok(());
            }
            let (count, file) = (plan.steps.len(), self.source.file.display());
            let prune = if self.source.prune { " --prune" } else { "" };
            let places = counted(count, "place");
            let what = format!("the organization differs from {file} in {places}");
            Err(Failure::new(Exit::Negative, what)
                .fix(format!("bring it there: ostler apply -f {file}{prune}")))
        })
    }
}

impl Source {
    fn shell(&self, environment: Environment, manner: Manner) -> Shell {
        Shell::new(environment, self.connection.clone(), manner, self.output)
    }

    async fn plan(&self, session: &Session) -> Result<Plan, Failure> {
        let text = input::file_or_stdin(&self.file).await?;
        if exposed::is_in(&text) {
            return Err(
                Failure::usage(format!("there is a secret in {}", self.file.display()))
                    .detail("a declaration is kept and shared, and has no secrets in it")
                    .fix("take it out, and make a new one: this one has been shown"),
            );
        }
        let node = Node::parse(&text).map_err(|unreadable| {
            let line = unreadable
                .line
                .map_or(String::new(), |line| format!(":{line}"));
            let file = self.file.display();
            Failure::usage(format!("{file}{line}: {}", unreadable.what))
        })?;
        let mistakes = Mistakes::default();
        let declared = Declared::read(&Field::root(&node, &mistakes));
        let world = World::look(session, &declared, self.prune).await?;
        references::check(&declared, &world, self.prune, &mistakes);
        self.none(mistakes)?;
        Plan::new(session, &declared, &world, self.prune)
    }

    fn none(&self, mistakes: Mistakes) -> Result<(), Failure> {
        let lines = mistakes.into_lines();
        let (count, file) = (lines.len(), self.file.display());
        if count == 0 {
            return Ok(());
        }
        let mistakes = counted(count, "mistake");
        let failure = Failure::failed(format!("{file} has {mistakes}; nothing was changed"));
        let lines = lines.into_iter();
        Err(lines.fold(failure, |failure, line| {
            failure.detail(format!("{file}:{line}"))
        }))
    }

    fn show(&self, shell: &Shell, plan: &Plan) -> Result<(), Failure> {
        match self.output.output {
            Some(_) => shell.show(&plan.document(), &VIEW),
            None => terminal::print(&plan.text()),
        }
    }
}

fn nowhere(plan: &Plan) -> Failure {
    let new = plan.steps.iter().filter(|step| step.makes_secret);
    let failure = Failure::usage("there are credentials to make, and no place for their secrets");
    new.fold(failure, |failure, step| {
        failure.detail(printable(&step.name))
    })
    .fix("say where they go: --secret-out DIR")
}
