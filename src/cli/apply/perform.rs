//! The steps of a plan, one after the other.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;

use super::compare;
use super::plan::Action;
use super::plan::Plan;
use super::plan::Seen;
use super::plan::Step;
use crate::cli::failure::Exit;
use crate::cli::failure::Failure;
use crate::cli::files::NewFile;
use crate::cli::request::Request;
use crate::cli::secret_sink;
use crate::cli::secret_sink::SecretFormat;
use crate::cli::session::Session;
use crate::cli::terminal;
use crate::cli::terminal::printable;

/// Does all of it; what was done stays when a step fails.
pub async fn all(session: &Session, plan: Plan, secrets: Option<&Path>) -> Result<(), Failure> {
    let secrets = secrets.filter(|_| plan.secrets() > 0);
    if let Some(directory) = secrets {
        make(directory)?;
        check_free(directory, &plan)?;
    }
    let count = plan.steps.len();
    let mut touched = BTreeSet::new();
    for (done, step) in plan.steps.into_iter().enumerate() {
        let told = done_line(&step);
        one(session, step, secrets, &mut touched)
            .await
            .map_err(|failure| {
                failure.detail(format!(
                    "{done} of {count} changes were made before that; run it again to go on"
                ))
            })?;
        terminal::note(&told);
    }
    Ok(())
}

/// One step.
async fn one(
    session: &Session,
    step: Step,
    secrets: Option<&Path>,
    touched: &mut BTreeSet<String>,
) -> Result<(), Failure> {
    let sink = match secrets.filter(|_| step.makes_secret) {
        Some(directory) => Some(NewFile::create(&file(directory, &step.name))?),
        None => None,
    };
    let request = match &step.thing {
        None => step.request,
        Some(thing) => matched(session, &step, thing, touched).await?,
    };
    let answer = session.perform(request).await?;
    if let Some(sink) = sink {
        let path = sink.path().display().to_string();
        let credential = answer.json()?;
        let text = secret_sink::in_form(SecretFormat::Env, session.issuer(), &credential)?;
        sink.finish(&text)?;
        terminal::note(&format!(
            "✓ its secret is in {path} (0600, shown nowhere else)"
        ));
    }
    Ok(())
}

/// The request of a step, for the very version of the thing that the plan was made from. One that an
/// earlier step has changed, or whose version no list told, is looked at once more; then it has to be
/// as the plan knows it wherever the step changes it, so that nobody else's change is lost in between.
async fn matched(
    session: &Session,
    step: &Step,
    thing: &Seen,
    touched: &mut BTreeSet<String>,
) -> Result<Request, Failure> {
    let known = thing.etag.as_deref();
    let known = known.filter(|_| !is_touched(touched, &thing.path));
    touched.insert(thing.path.clone());
    let request = step.request.clone();
    if let Some(etag) = known {
        return Ok(request.matching_tag(etag));
    }
    let now = session.glance(&thing.path).await?;
    if let Some(now) = &now {
        let now = now.json()?;
        let other = thing.over.iter().find(|(name, seen)| {
            let now = compare::as_told(name, &now[name.as_str()]);
            !compare::same(&compare::as_told(name, seen), &now)
        });
        if let Some((member, _)) = other {
            return Err(changed_meanwhile(step, member));
        }
    }
    Ok(request.matching(now.as_ref()))
}

fn changed_meanwhile(step: &Step, member: &str) -> Failure {
    let name = printable(&step.name);
    let what = format!(
        "{} {name} has another `{member}` than the plan saw",
        step.kind
    );
    Failure::new(Exit::Conflict, what).fix("somebody changed it meanwhile: look and try again")
}

/// Whether an earlier step has changed it, something below it, or what it is below; or an API: what is
/// granted there is shown with the API's types, so that it has another version when these change.
fn is_touched(touched: &BTreeSet<String>, path: &str) -> bool {
    let mut touched = touched.iter();
    touched
        .any(|known| known.starts_with(path) || path.starts_with(known.as_str()) || is_api(known))
}

fn is_api(path: &str) -> bool {
    let parent = path.rsplit_once('/').map(|(parent, _)| parent);
    parent.is_some_and(|parent| parent.ends_with("/apis"))
}

fn done_line(step: &Step) -> String {
    let done = match step.action {
        Action::Create => "made",
        Action::Edit => "changed",
        Action::Delete => "deleted",
    };
    format!("✓ {} {} {done}", step.kind, printable(&step.name))
}

fn make(directory: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(|error| Failure::failed(format!("cannot make {}: {error}", directory.display())))
}

/// Each new secret has a file of its own: a step that finds none would stop half-way.
fn check_free(directory: &Path, plan: &Plan) -> Result<(), Failure> {
    let mut taken = BTreeSet::new();
    for step in plan.steps.iter().filter(|step| step.makes_secret) {
        let path = file(directory, &step.name);
        let name = printable(&step.name);
        if path.symlink_metadata().is_ok() {
            return Err(Failure::failed(format!(
                "{} exists already, and is not overwritten; nothing was changed",
                path.display()
            ))
            .fix("name another directory, or remove that file"));
        }
        if !taken.insert(path.clone()) {
            return Err(Failure::failed(format!(
                "{} would be the file of two secrets, one of them that of {name}; nothing was changed",
                path.display()
            ))
            .fix("give one of the two credentials another name"));
        }
    }
    Ok(())
}

/// `ci-deployer.github.env`, whatever characters are in the names.
fn file(directory: &Path, name: &str) -> PathBuf {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let plain = |c: char| match c {
        '/' => '.',
        c if is_plain(c) => c,
        _ => '_',
    };
    let name: String = name.chars().map(plain).collect();
    directory.join(format!("{name}.env"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_secret_stays_in_its_directory() {
        for (name, expected) in [
            ("ci-bot/github", "d/ci-bot.github.env"),
            ("ci-bot/../../etc", "d/ci-bot.__.__.etc.env"),
            ("ci-bot/a b", "d/ci-bot.a_b.env"),
        ] {
            assert_eq!(file(Path::new("d"), name), Path::new(expected));
        }
    }
}
