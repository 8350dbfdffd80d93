//! `POST /oauth/token`
pub async fn post() {}
