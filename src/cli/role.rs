//! `ostler role`: named bundles of access, given to accounts or groups.

use clap::Args;
use clap::Subcommand;

use super::body::Body;
use super::failure::Failure;
use super::filters::SearchArgs;
use super::grant::AccessArgs;
use super::list::PageArgs;
use super::list::Query;
use super::output::Document;
use super::output::View;
use super::session::Session;
use super::shell::Shell;
use super::terminal;
use super::terminal::printable;

const VIEW: View = View {
    columns: &[
        ("NAME", "name"),
        ("DESCRIPTION", "description"),
        ("ACCESS", "access"),
        ("BUILT IN", "built_in"),
        ("ID", "id"),
    ],
    id: "id",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Make a role
    Create(Box<Create>),
    /// Show a role
    #[command(visible_alias = "get")]
    Show(Role),
    /// List the roles
    List {
        #[command(flatten)]
        search: SearchArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Change a role's description or its access, for all who have it
    Edit(Box<Edit>),
    /// Delete a role for good
    Delete(Delete),
}

/// A role that exists.
#[derive(Args, Clone, Debug)]
pub struct Role {
    /// The role, by name or id
    #[arg(value_name = "ROLE")]
    role: String,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler role create deployer --api jira --scope read,write --project APOLLO
  ostler account roles add ci-deployer deployer")]
pub struct Create {
    /// Its name: 1 to 30 of a-z, 0-9 and -, beginning with a letter
    name: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Its access is replaced as a whole: show it as JSON, edit that, and give it back with --access-file.
Where something is taken away, the tokens of all who have the role are dead.")]
pub struct Edit {
    #[command(flatten)]
    role: Role,
    /// What it is for; '' for nothing
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Args, Clone, Debug)]
pub struct Delete {
    #[command(flatten)]
    role: Role,
    /// Even though somebody has it
    #[arg(long)]
    force: bool,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session()?;
    let document = match verb {
        Verb::Create(create) => {
            let mut body = Body::new();
            body.say("name", Some(&create.name));
            body.say("description", create.description.as_ref());
            body.say("access", create.access.grants::<Create>(&session).await?);
            let path = session.here(&["roles"])?;
            Document::of(&session.post(&path, body.value()).await?)?
        }
        Verb::Show(role) => Document::of(&session.read(&role.path(&session)?).await?)?,
        Verb::List { search, page } => {
            let path = session.here(&["roles"])?;
            session.filtered(&path, &search.query(), &page).await?
        }
        Verb::Edit(edit) => {
            let mut body = Body::new();
            body.say_text("description", edit.description.as_ref());
            body.say("access", edit.access.grants::<Edit>(&session).await?);
            let path = edit.role.path(&session)?;
            Document::of(&session.edit_now(&path, body.some_change()?).await?)?
        }
        Verb::Delete(delete) => return delete.run(shell, &session).await,
    };
    shell.show(&document, &VIEW)
}

impl Role {
    fn path(&self, session: &Session) -> Result<String, Failure> {
        session.here(&["roles", &self.role])
    }
}

impl Delete {
    async fn run(&self, shell: &Shell, session: &Session) -> Result<(), Failure> {
        let path = self.role.path(session)?;
        let seen = session.glance(&path).await?;
        let name = &self.role.role;
        shell
            .confirm(&format!("Delete the role {name}? It cannot be undone."))
            .await?;
        let force = Query::new().and("force", self.force.then_some(true));
        session.delete(&force.after(&path), seen.as_ref()).await?;
        terminal::note(&format!("✓ {} is deleted", printable(name)));
        Ok(())
    }
}
