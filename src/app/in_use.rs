//! What cannot be taken away because others hold it.

use std::fmt;

/// Who holds it, for those who answer it.
pub use crate::store::NamedHolder;

use super::problem::Problem;

/// The most holders that are looked up and listed.
pub const MOST_HOLDERS: u32 = 100;

/// The most holders that the sentence names.
const MOST_NAMED: usize = 5;

/// Something that others hold.
#[derive(Clone, Debug)]
pub struct InUse {
    /// What it is, such as `the role`.
    pub what: &'static str,
    /// Who holds it: the first [`MOST_HOLDERS`].
    pub holders: Vec<NamedHolder>,
    /// Whether it can be taken from them all the same.
    pub may_be_forced: bool,
}

impl InUse {
    /// Refuses to delete what has holders, unless it is forced.
    pub(super) fn refuse(
        what: &'static str,
        holders: Vec<NamedHolder>,
        is_forced: bool,
    ) -> Result<(), Problem> {
        if is_forced || holders.is_empty() {
            return Ok(());
        }
        Err(Problem::InUse(Box::new(Self {
            what,
            holders,
            may_be_forced: true,
        })))
    }

    /// Refuses to take away what has holders.
    pub(super) fn refuse_always(
        what: &'static str,
        holders: Vec<NamedHolder>,
    ) -> Result<(), Problem> {
        if holders.is_empty() {
            return Ok(());
        }
        Err(Problem::InUse(Box::new(Self {
            what,
            holders,
            may_be_forced: false,
        })))
    }
}

/// What stands against it, and what to do.
impl fmt::Display for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is in use by", self.what)?;
        for (position, holder) in self.holders.iter().take(MOST_NAMED).enumerate() {
            let separator = if position == 0 { "" } else { "," };
            let kind = holder.kind.replace('_', " ");
            write!(f, "{separator} {kind} `{}`", holder.name)?;
        }
        if self.holders.len() > MOST_NAMED {
            f.write_str(" and others")?;
        }
        f.write_str(if self.may_be_forced {
            ": take it from them first, or all at once with `?force=true`"
        } else {
            ": take it from them first"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_holders_are_named() {
        let holder = |number: usize| NamedHolder {
            kind: "service_account".to_owned(),
            name: format!("bot-{number}"),
            id: format!("sa_{number}"),
        };
        let refused = |count| {
            let holders = (1..=count).map(holder).collect();
            InUse::refuse("the role", holders, false).unwrap_err()
        };
        assert_eq!(
            refused(2).detail(),
            "the role is in use by service account `bot-1`, service account `bot-2`: take it from \
             them first, or all at once with `?force=true`"
        );
        assert!(refused(6).detail().contains("`bot-5` and others: "));
        assert_eq!(refused(1).code(), "in_use");
        assert!(InUse::refuse("the role", vec![holder(1)], true).is_ok());
        assert!(InUse::refuse("the role", Vec::new(), false).is_ok());
        assert!(InUse::refuse_always("it", vec![holder(1)]).is_err());
    }
}
