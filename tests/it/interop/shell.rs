//! `curl` and `jq`.

use super::language::Language::Shell;
use super::trial::Trial;

#[tokio::test]
async fn curl_and_jq_are_a_client() {
    let mut shell = Trial::start(Shell, "curl").await;
    shell
        .gets_tokens(&["basic", "body"], "invalid_client")
        .await;
    shell.is_told_why("basic").await;
    shell.introspects().await;
    shell.revokes().await;
}
