//! What the server tells about itself: its numbers, and the id that ties log lines to answers.

pub mod registry;
pub mod request_id;
