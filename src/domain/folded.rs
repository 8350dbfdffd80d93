//! Texts without regard to case, for those who look for a part of one.

/// A text without regard to case, as columns that are searched hold it. Character by character, and by
/// way of the capitals, so that a part of a text is folded as it is in the whole: a sigma at the end of
/// a word, say.
pub fn folded(text: &str) -> String {
    let capitals = text.chars().flat_map(char::to_uppercase);
    capitals.flat_map(char::to_lowercase).collect()
}

/// Whether `text` is a part of one of these, or the id, without regard to case.
pub fn is_found<'t>(text: &str, parts: impl IntoIterator<Item = &'t str>, id: &str) -> bool {
    let text = folded(text);
    let mut parts = parts.into_iter();
    parts.any(|part| folded(part).contains(&text)) || id == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_folded_as_in_the_whole() {
        for (whole, part) in [
            ("École de Zürich", "ÉCOLE DE Z"),
            ("ΟΔΟΣ", "οδος"),
            ("ΟΔΟΣΑ", "ΟΔΟΣ"),
            ("Straße", "STRASSE"),
            ("CI-Bot", "ci-b"),
        ] {
            assert!(is_found(part, ["other", whole], "x"), "{whole} {part}");
        }
        assert!(!is_found("ecole", ["École"], "x"));
        assert!(is_found("SA_1", ["École"], "sa_1"));
    }
}
