//! What an unknown name probably meant.

use super::keys::KEYS;
use super::keys::Key;

/// The longest name that is compared with the known ones, in bytes.
const MAX_BYTES: usize = 100;

/// The advice for an unknown key of the file.
pub(super) fn for_key(path: &str) -> String {
    let known = KEYS.iter().map(|key| key.path.to_owned());
    if let Some(nearest) = nearest(path, known) {
        return format!("did you mean {nearest}?");
    }
    let section = path.split('.').next().unwrap_or_default();
    let in_section = |key: &&Key| key.path.split('.').next() == Some(section);
    let keys: Vec<&str> = KEYS.iter().filter(in_section).map(|key| key.path).collect();
    if keys.is_empty() {
        format!("the sections are {}", sections().join(", "))
    } else {
        format!("the keys of {section} are {}", keys.join(", "))
    }
}

/// The advice for an unknown variable.
pub(super) fn for_variable(name: &str) -> String {
    let known = KEYS
        .iter()
        .flat_map(|key| [Some(key.variable()), key.file_variable()])
        .flatten();
    nearest(name, known).map_or_else(
        || "unset it; variables are OSTLER_, the section, `__` and the key".to_owned(),
        |nearest| format!("did you mean {nearest}?"),
    )
}

/// The names of the sections, in the order of the table.
fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = KEYS
        .iter()
        .filter_map(|key| key.path.split('.').next())
        .collect();
    sections.dedup();
    sections
}

/// The nearest name, when at most a third of it differs.
fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    if name.len() > MAX_BYTES {
        return None;
    }
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, &candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
