//! Programs around the Rust libraries: the argument says which one.

mod jsonwebtoken_api;
mod line;
mod oauth2_client;
mod openidconnect_both;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let program = std::env::args().nth(1);
    match program.as_deref() {
        Some("oauth2") => line::serve(&mut oauth2_client::Client::new()?),
        Some("openidconnect") => line::serve(&mut openidconnect_both::Discovered::new()?),
        Some("jsonwebtoken") => line::serve(&mut jsonwebtoken_api::Api::new()?),
        _ => Err("which library?".into()),
    }
}
