//! `ostler account access revoke`: grants less something.

use clap::Args;
use serde_json::Value;
use serde_json::json;

use super::Account;
use super::grants_of;
use super::put;
use crate::cli::failure::Failure;
use crate::cli::grant::GrantArgs;
use crate::cli::shell::Shell;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ostler account access revoke ci-deployer --api jira
  ostler account access revoke ci-deployer --api jira --scope write
  ostler account access revoke ci-deployer --api jira --scope write --project APOLLO

Without --scope all scopes are meant, and without resources all of them.")]
pub struct Revoke {
    #[command(flatten)]
    account: Account,
    #[command(flatten)]
    taken: GrantArgs,
}

impl Revoke {
    pub async fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let session = shell.session()?;
        let Some(mut taken) = self.taken.grant::<Self>(&session).await? else {
            return Err(Failure::usage("no API is named").fix("add --api API"));
        };
        taken["api"] = json!(self.taken.api_name(&session).await?);
        let path = self.account.path_of(&session, "access")?;
        let present = session.look(&path).await?;
        let before = grants_of(&present)?;
        let after = less(&before, &taken)?;
        if after == before {
            return Err(
                Failure::usage("the account is not granted that").fix(format!(
                    "see what it is: ostler account access show {}",
                    self.account.account
                )),
            );
        }
        put(shell, &session, &path, Some(&present), json!(after)).await
    }
}

/// The grants without what is taken.
fn less(grants: &[Value], taken: &Value) -> Result<Vec<Value>, Failure> {
    let mut left = Vec::new();
    for grant in grants {
        if grant["api"] == taken["api"] {
            left.extend(parts_left(grant, taken)?);
        } else {
            left.push(grant.clone());
        }
    }
    Ok(left)
}

/// What is left of one grant: its other scopes as they were, and these scopes on the other
/// resources.
fn parts_left(grant: &Value, taken: &Value) -> Result<Vec<Value>, Failure> {
    let all_scopes = texts(&taken["scopes"]).is_empty();
    let is_taken = |scope: &&str| all_scopes || texts(&taken["scopes"]).contains(scope);
    let (gone, kept): (Vec<&str>, Vec<&str>) =
        texts(&grant["scopes"]).into_iter().partition(is_taken);
    let mut parts = Vec::new();
    if !kept.is_empty() {
        parts.push(with(grant, "scopes", json!(kept)));
    }
    if let Some((name, keys)) = one_type(taken)?
        && !gone.is_empty()
    {
        let others = other_keys(&grant["resources"][name], name, keys)?;
        if !others.is_empty() {
            let mut resources = grant["resources"].clone();
            resources[name] = json!(others);
            let part = with(grant, "scopes", json!(gone));
            parts.push(with(&part, "resources", resources));
        }
    }
    Ok(parts)
}

/// The resource type that is said, with its keys; a part of a product of several cannot be.
fn one_type(taken: &Value) -> Result<Option<(&str, &Value)>, Failure> {
    let types = taken["resources"].as_object().into_iter().flatten();
    let types: Vec<_> = types.map(|(name, keys)| (name.as_str(), keys)).collect();
    match types.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        _ => Err(
            Failure::usage("resources of one type at a time can be taken away")
                .fix("run it once for each type, or edit the list: ostler account access set"),
        ),
    }
}

fn other_keys<'g>(held: &'g Value, name: &str, keys: &Value) -> Result<Vec<&'g str>, Failure> {
    match (held, keys) {
        (_, Value::String(_all)) => Ok(Vec::new()),
        (Value::String(_all), _) => Err(Failure::usage(format!(
            "the grant is for all of type {name}, and `all but some` cannot be said"
        ))
        .fix("list those that it should keep: ostler account access set")),
        (held, keys) => {
            let keys = texts(keys);
            let held = texts(held).into_iter();
            Ok(held.filter(|key| !keys.contains(key)).collect())
        }
    }
}

fn with(grant: &Value, member: &str, value: Value) -> Value {
    let mut grant = grant.clone();
    grant[member] = value;
    grant
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(api: &str, scopes: &[&str], keys: &Value) -> Value {
        json!({"api": api, "scopes": scopes, "resources": {"project": keys}})
    }

    #[test]
    fn what_is_taken_is_gone_and_the_rest_stays_as_it_was() {
        let keys = || json!(["A", "B"]);
        let held = [
            grant("jira", &["r", "w"], &keys()),
            grant("wiki", &["r"], &json!("*")),
        ];
        let wiki = || grant("wiki", &["r"], &json!("*"));
        for (taken, left) in [
            (
                json!({"api": "jira", "scopes": [], "resources": {}}),
                vec![wiki()],
            ),
            (
                json!({"api": "jira", "scopes": ["w"], "resources": {}}),
                vec![grant("jira", &["r"], &keys()), wiki()],
            ),
            (
                json!({"api": "jira", "scopes": ["w"], "resources": {"project": ["A"]}}),
                vec![
                    grant("jira", &["r"], &keys()),
                    grant("jira", &["w"], &json!(["B"])),
                    wiki(),
                ],
            ),
            (
                json!({"api": "jira", "scopes": [], "resources": {"project": ["A", "B"]}}),
                vec![wiki()],
            ),
            (
                json!({"api": "wiki", "scopes": [], "resources": {"project": "*"}}),
                vec![grant("jira", &["r", "w"], &keys())],
            ),
            (
                json!({"api": "other", "scopes": [], "resources": {}}),
                held.to_vec(),
            ),
        ] {
            assert_eq!(less(&held, &taken).unwrap(), left, "{taken}");
        }
    }

    #[test]
    fn all_but_some_cannot_be_said() {
        let held = [grant("wiki", &["r"], &json!("*"))];
        let some = json!({"api": "wiki", "scopes": [], "resources": {"project": ["A"]}});
        assert!(less(&held, &some).is_err());
        let two = json!({"api": "wiki", "scopes": [], "resources": {"a": ["A"], "b": ["B"]}});
        assert!(less(&held, &two).is_err());
    }
}
