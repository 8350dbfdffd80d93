//! `ostler group`: accounts that share roles.

mod members;

use clap::Args;
use clap::Subcommand;
use serde_json::json;

use super::body::Body;
use super::failure::Failure;
use super::filters::SearchArgs;
use super::list::PageArgs;
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
        ("ROLES", "roles"),
        ("MEMBERS", "member_count"),
        ("ID", "id"),
    ],
    id: "id",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Make a group
    Create(Create),
    /// Show a group
    #[command(visible_alias = "get")]
    Show(Group),
    /// List the groups
    List {
        #[command(flatten)]
        search: SearchArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Change a group's description or roles, for all its members
    Edit(Edit),
    /// Delete a group for good; its members stay
    Delete(Group),
    /// Who is in a group
    #[command(subcommand)]
    Members(members::Verb),
}

/// A group that exists.
#[derive(Args, Clone, Debug)]
pub struct Group {
    /// The group, by name or id
    #[arg(value_name = "GROUP")]
    group: String,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler group create ci --role deployer
  ostler group members add ci ci-deployer")]
pub struct Create {
    /// Its name: 1 to 30 of a-z, 0-9 and -, beginning with a letter
    name: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A role that all its members have; may be repeated
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    role: Vec<String>,
}

#[derive(Args, Clone, Debug)]
pub struct Edit {
    #[command(flatten)]
    group: Group,
    /// What it is for; '' for nothing
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The roles of its members, in place of the present ones; may be repeated
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    role: Vec<String>,
    /// Its members have no roles by it
    #[arg(long, conflicts_with = "role")]
    no_role: bool,
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session()?;
    let document = match verb {
        Verb::Create(create) => {
            let mut body = Body::new();
            body.say("name", Some(&create.name));
            body.say("description", create.description.as_ref());
            body.say_all("roles", &create.role);
            let path = session.here(&["groups"])?;
            Document::of(&session.post(&path, body.value()).await?)?
        }
        Verb::Show(group) => Document::of(&session.read(&group.path(&session)?).await?)?,
        Verb::List { search, page } => {
            let path = session.here(&["groups"])?;
            session.filtered(&path, &search.query(), &page).await?
        }
        Verb::Edit(edit) => {
            let mut body = Body::new();
            body.say_text("description", edit.description.as_ref());
            body.say_all("roles", &edit.role);
            body.say("roles", edit.no_role.then(|| json!([])));
            let path = edit.group.path(&session)?;
            Document::of(&session.edit_now(&path, body.some_change()?).await?)?
        }
        Verb::Delete(group) => return group.delete(shell, &session).await,
        Verb::Members(verb) => return members::run(shell, &session, verb).await,
    };
    shell.show(&document, &VIEW)
}

impl Group {
    fn path(&self, session: &Session) -> Result<String, Failure> {
        session.here(&["groups", &self.group])
    }

    async fn delete(&self, shell: &Shell, session: &Session) -> Result<(), Failure> {
        let path = self.path(session)?;
        let seen = session.glance(&path).await?;
        let name = &self.group;
        let members = match &seen {
            Some(seen) => format!(" with {} members", seen.json()?["member_count"]),
            None => String::new(),
        };
        shell
            .confirm(&format!(
                "Delete the group {name}{members}? It cannot be undone."
            ))
            .await?;
        session.delete(&path, seen.as_ref()).await?;
        terminal::note(&format!("✓ {} is deleted", printable(name)));
        Ok(())
    }
}
