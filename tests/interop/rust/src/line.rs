//! Does what the driver says: one JSON object per line comes in, one per line goes out.
//!
//! `{"do": "verify", "token": "..."}` is answered by `{"ok": ...}` or `{"refused": "the library's words"}`.

use std::error::Error;
use std::io::BufRead;

use oauth2::reqwest::blocking::Client;
use oauth2::reqwest::redirect::Policy;
use serde_json::Value;
use serde_json::json;

/// What an action comes to.
pub type Outcome = Result<Value, Box<dyn Error>>;

/// A program: what it does with a library.
pub trait Program {
    /// Does this, with the members of the wish at hand.
    fn act(&mut self, action: &str, wish: &Wish) -> Outcome;
}

/// What the driver wants.
pub struct Wish(Value);

impl Wish {
    /// A member; the empty text where there is none.
    pub fn text(&self, name: &str) -> String {
        self.0[name].as_str().unwrap_or_default().to_owned()
    }
}

/// Does the actions until the driver has no more to say.
pub fn serve(program: &mut dyn Program) -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lock().lines() {
        let wish = Wish(serde_json::from_str(&line?)?);
        let outcome = match wish.text("do").as_str() {
            // None of these libraries waits before it asks for keys again.
            "later" => Ok(json!(true)),
            action => program.act(action, &wish),
        };
        match outcome {
            Ok(value) => println!("{}", json!({"ok": value})),
            Err(error) => println!("{}", json!({"refused": words(&*error)})),
        }
    }
    Ok(())
}

/// What an error says, and what each of its causes says.
fn words(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", words(source)),
        None => error.to_string(),
    }
}

/// A variable of the environment: `ISSUER` or `AUDIENCE`.
pub fn variable(name: &str) -> Result<String, Box<dyn Error>> {
    std::env::var(name).map_err(|error| format!("{name}: {error}").into())
}

/// HTTP as the OAuth libraries want it: without redirects.
pub fn http() -> Result<Client, Box<dyn Error>> {
    Ok(Client::builder().redirect(Policy::none()).build()?)
}
