//! `ostler api edit`.

use clap::Args;
use serde_json::Value;

use super::Api;
use super::TokenArgs;
use crate::cli::body::Body;
use crate::cli::failure::Failure;
use crate::cli::output::Document;
use crate::cli::session::Session;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler api edit jira --lifetime 5m --signing-alg RS256
  ostler api edit jira --add-resource-type space

A type that is added counts as `none` in every grant that there is, and the API's tokens are dead.")]
pub struct Edit {
    #[command(flatten)]
    api: Api,
    /// A resource type more; may be repeated
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    add_resource_type: Vec<String>,
    /// A resource type that it no longer has, when nothing uses it; may be repeated
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    remove_resource_type: Vec<String>,
    #[command(flatten)]
    token: TokenArgs,
}

impl Edit {
    pub async fn run(&self, session: &Session) -> Result<Document, Failure> {
        let path = self.api.path(session)?;
        let mut body = Body::new();
        body.say("token", self.token.value());
        if self.add_resource_type.is_empty() && self.remove_resource_type.is_empty() {
            let edited = session.edit_now(&path, body.some_change()?).await?;
            return Document::of(&edited);
        }
        let seen = session.look(&path).await?;
        let present = seen.json()?;
        let present = present["resource_types"].as_array().into_iter().flatten();
        let present = present.filter_map(Value::as_str).map(str::to_owned);
        body.say("resource_types", Some(self.types(present.collect())));
        let edited = session.edit(&path, Some(&seen), body.value()).await?;
        Document::of(&edited)
    }

    fn types(&self, mut types: Vec<String>) -> Vec<String> {
        types.retain(|name| !self.remove_resource_type.contains(name));
        for added in &self.add_resource_type {
            if !types.contains(added) {
                types.push(added.clone());
            }
        }
        types
    }
}
