//! The specifications: facts in, decision out.
//!
//! Everything here is synchronous and takes the time and the facts as arguments, so each rule is a
//! function that a test calls. A request to the token endpoint passes through
//!
//! 1. [`form`]: bytes to a strict form;
//! 2. [`client_auth`]: the form and the headers to a [`client_auth::PresentedCredential`], and with
//!    the stored client to an [`client_auth::AuthenticatedClient`], a proof;
//! 3. [`grant`]: the proof and the form to a decision.
//!
//! The other two endpoints begin in the same way and end in [`introspection`] or [`revocation`].
//! [`refusal`] is what a specification tells us to answer instead.

#[cfg(test)]
mod fixtures;

pub mod refusal;

pub mod form;

pub mod authorization;
pub mod client_auth;

pub mod authorization_details;
pub mod grant;
pub mod target;
pub mod token_request;

pub mod introspection;
pub mod metadata;
pub mod revocation;
