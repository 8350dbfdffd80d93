//! What is fuzzed (`fuzz/README.md`), with the seeds, and with every input that was ever found: the
//! properties hold in this build too.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/properties/mod.rs"]
mod properties;

#[test]
fn every_property_holds_of_every_seed_and_of_all_that_was_found() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let named = fs::read_dir(&corpora).unwrap().count();
    assert_eq!(named, properties::ALL.len(), "a property for each corpus");
    for (name, check) in properties::ALL {
        let (mut accepted, mut refused) = (0, 0);
        for entry in fs::read_dir(corpora.join(name)).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            if check(&fs::read(&path).unwrap()) {
                accepted += 1;
            } else {
                refused += 1;
            }
        }
        // Of a corpus that is always refused, most properties would never be looked at.
        assert!(accepted > 0 && refused > 0, "{name}: {accepted}, {refused}");
    }
}
