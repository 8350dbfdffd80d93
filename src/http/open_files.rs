//! A connection is an open file, and so is every connection to the database.
//!
//! Many systems let a process have 1,024 open files unless it asks for more. We ask for all that we
//! may have; where that is too little, fewer connections are let in, so that the store is not starved
//! by them.

use rustix::process::Resource;
use rustix::process::getrlimit;
use rustix::process::setrlimit;

/// How many of `wanted` connections there are open files for.
pub(super) fn places(wanted: usize) -> usize {
    let limit = raise();
    let places = wanted.min(share(limit));
    if places < wanted {
        tracing::warn!(
            connections = places,
            wanted,
            open_files = limit,
            "fewer connections than limits.connections, for lack of open files (ulimit -n)"
        );
    }
    places
}

/// Raises the limit of open files as far as it goes, and says how far that is.
fn raise() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    let after = match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.current,
        Err(_) => before,
    };
    // No limit at all is written as none.
    after.map_or(usize::MAX, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    })
}

/// What connections may take of so many open files: three quarters.
fn share(open_files: usize) -> usize {
    open_files - open_files / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_a_quarter_of_the_files_to_others() {
        assert_eq!(share(1024), 768);
        assert_eq!(places(10), 10);
        assert!(places(usize::MAX) < usize::MAX);
    }
}
