//! `ostler org`: organizations.

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use serde_json::Value;
use serde_json::json;

use super::body::Body;
use super::failure::Failure;
use super::filters::SearchArgs;
use super::lifetime::Span;
use super::list::PageArgs;
use super::output::Document;
use super::output::View;
use super::session;
use super::shell::Shell;

const VIEW: View = View {
    columns: &[
        ("NAME", "name"),
        ("STATUS", "status"),
        ("ACCOUNTS", "service_account_count"),
        ("QUOTA", "max_service_accounts"),
        ("ID", "id"),
    ],
    id: "id",
};

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Make an organization
    Create(Create),
    /// Show an organization
    #[command(visible_alias = "get")]
    Show(Organization),
    /// List the organizations
    List {
        #[command(flatten)]
        search: SearchArgs,
        /// Only those of this status: active or disabled
        #[arg(long, value_name = "STATUS", help_heading = "Filters")]
        status: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Change its quota or its policy
    Edit(Edit),
    /// Stop an organization: all tokens of its accounts are dead at once
    Disable(Organization),
    /// Let a stopped organization work again; old tokens stay dead
    Enable(Organization),
}

/// An organization that exists.
#[derive(Args, Clone, Debug)]
pub struct Organization {
    /// The organization, by name or id
    #[arg(value_name = "ORG")]
    org: String,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler org create acme --quota small --leak-report finding")]
pub struct Create {
    /// Its name: 1 to 30 of a-z, 0-9 and -, beginning with a letter
    name: String,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  ostler org edit acme --max-service-accounts 400 --max-token-lifetime 30m")]
pub struct Edit {
    #[command(flatten)]
    organization: Organization,
    #[command(flatten)]
    settings: Settings,
}

/// The limits and rules of an organization.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// The most service accounts that it may have: a number, or `none`
    #[arg(long, value_name = "N", value_parser = limit, conflicts_with = "quota")]
    max_service_accounts: Option<Limit>,
    /// The same as a tier: small (5), medium (250), large (1000) or none
    #[arg(long, value_enum, value_name = "TIER", hide_possible_values = true)]
    quota: Option<Tier>,
    /// What becomes of a secret that is reported as leaked: revoke, or a finding that waits for a
    /// person
    #[arg(
        long,
        value_enum,
        value_name = "POLICY",
        hide_possible_values = true,
        help_heading = "Policy"
    )]
    leak_report: Option<LeakReport>,
    /// Whether secrets without an end are allowed: true or false
    #[arg(long, value_name = "BOOL", help_heading = "Policy")]
    allow_never_expires: Option<bool>,
    /// The longest lifetime of tokens; 0 for the server's own limit
    #[arg(long, value_name = "TIME", help_heading = "Policy")]
    max_token_lifetime: Option<Span>,
}

/// A number of accounts; `None` is no limit.
#[derive(Clone, Copy, Debug)]
struct Limit(Option<u64>);

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tier {
    Small,
    Medium,
    Large,
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LeakReport {
    Revoke,
    Finding,
}

fn limit(text: &str) -> Result<Limit, String> {
    match text {
        "none" => Ok(Limit(None)),
        text => match text.parse() {
            Ok(number) => Ok(Limit(Some(number))),
            Err(_) => Err("say a whole number, or `none`".to_owned()),
        },
    }
}

impl Tier {
    fn limit(self) -> Limit {
        Limit(match self {
            Self::Small => Some(5),
            Self::Medium => Some(250),
            Self::Large => Some(1000),
            Self::None => None,
        })
    }
}

impl Settings {
    fn say(&self, body: &mut Body) {
        let quota = self.quota.map(Tier::limit).or(self.max_service_accounts);
        body.say("max_service_accounts", quota.map(|limit| limit.0));
        let mut policy = Body::new();
        policy.say(
            "leak_report",
            self.leak_report.map(|report| match report {
                LeakReport::Revoke => "revoke",
                LeakReport::Finding => "finding",
            }),
        );
        policy.say("allow_never_expires", self.allow_never_expires);
        let lifetime = self.max_token_lifetime.map(Span::as_secs);
        let lifetime = lifetime.map(|secs| Some(secs).filter(|secs| *secs > 0));
        policy.say("max_token_lifetime_seconds", lifetime);
        let policy = policy.value();
        body.say("policy", Some(policy).filter(|policy| *policy != json!({})));
    }
}

/// Runs the verb.
pub async fn run(shell: &Shell, verb: Verb) -> Result<(), Failure> {
    let session = shell.session()?;
    let document = match verb {
        Verb::Create(create) => {
            let path = session::path(&["organizations"])?;
            Document::of(&session.post(&path, create.body()).await?)?
        }
        Verb::Show(organization) => Document::of(&session.read(&organization.path()?).await?)?,
        Verb::List {
            search,
            status,
            page,
        } => {
            let path = session::path(&["organizations"])?;
            let filters = search.query().and("status", status);
            session.filtered(&path, &filters, &page).await?
        }
        Verb::Edit(edit) => {
            let mut body = Body::new();
            edit.settings.say(&mut body);
            let path = edit.organization.path()?;
            Document::of(&session.edit_now(&path, body.some_change()?).await?)?
        }
        Verb::Disable(organization) => {
            let question = format!("Disable {}? All its tokens die at once.", organization.org);
            shell.confirm(&question).await?;
            Document::of(&session.set_state(&organization.path()?, "disable").await?)?
        }
        Verb::Enable(organization) => {
            Document::of(&session.set_state(&organization.path()?, "enable").await?)?
        }
    };
    shell.show(&document, &VIEW)
}

impl Organization {
    fn path(&self) -> Result<String, Failure> {
        session::path(&["organizations", &self.org])
    }
}

impl Create {
    fn body(&self) -> Value {
        let mut body = Body::new();
        body.say("name", Some(&self.name));
        self.settings.say(&mut body);
        body.value()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    #[test]
    fn a_tier_is_a_number_and_the_policy_only_what_is_said() {
        let body = |line: &str| {
            let words = ["x", "acme"].into_iter().chain(line.split_whitespace());
            Line::try_parse_from(words).unwrap().create.body()
        };
        assert_eq!(body(""), json!({"name": "acme"}));
        for (line, limit) in [
            ("--quota medium", json!(250)),
            ("--quota none", json!(null)),
            ("--max-service-accounts 7", json!(7)),
            ("--max-service-accounts none", json!(null)),
        ] {
            let expected = json!({"name": "acme", "max_service_accounts": limit});
            assert_eq!(body(line), expected, "{line}");
        }
        assert_eq!(
            body("--leak-report finding --max-token-lifetime 0"),
            json!({"name": "acme", "policy": {
                "leak_report": "finding", "max_token_lifetime_seconds": null,
            }})
        );
    }
}
