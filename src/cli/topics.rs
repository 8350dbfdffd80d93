//! Topics of `ostler help` that belong to no one command.

/// `ostler help exit-codes`.
pub const EXIT_CODES: &str = "\
How a command ended, for the script that ran it:

    0  it did what it was asked to
    1  it did not work
    2  the command line is wrong
    3  there is no such thing
    4  not authenticated, or not allowed
    5  a conflict: the name is taken, or somebody changed it meanwhile
    6  a check was made, and its answer is no: token verify, token preview, audit verify, diff,
     config check, doctor
  130  interrupted

Data goes to standard output, everything else to standard error.";

/// `ostler help environment`.
pub const ENVIRONMENT: &str = "\
A command finds its server and identity in its flags, then in these variables, then in a profile:

  OSTLER_URL                  the server, as its issuer is written
  OSTLER_ADMIN_URL            where the admin API has a listener of its own
  OSTLER_CLIENT_ID            the client id
  OSTLER_CLIENT_SECRET        its secret; or
  OSTLER_CLIENT_SECRET_FILE   a file with it
  OSTLER_TOKEN                an access token for the issuer, instead of a client
  OSTLER_ORGANIZATION         the organization, by name or id (default: default)
  OSTLER_PROFILE              a profile by name, or a file of profiles (with a slash in it)

A secret is never taken from the command line, where every process of the machine could read it.

Profiles are in $XDG_CONFIG_HOME/ostler/config.toml (mode 0600), and one named `default` is used
without being asked for:

  [profiles.default]
  url = \"https://auth.example.com\"
  client_id = \"sac_01j9...\"
  client_secret_file = \"ci.secret\"    # beside this file; or client_secret = \"...\"

The server itself (dev, init, serve, admin, config check) reads its configuration from flags, then
from variables, then from a file (-c or OSTLER_CONFIG). A variable is OSTLER_ and the key, with __
for each dot: OSTLER_SERVER__LISTEN, OSTLER_DATABASE__URL, or OSTLER_DATABASE__URL_FILE for a secret.

For a certificate of your own authority, set SSL_CERT_FILE to its PEM file.";

/// `ostler help formatting`.
pub const FORMATTING: &str = "\
How answers are printed, with -o:

  table  aligned columns with their titles; this is what a terminal gets
  json   the API's own JSON, byte for byte; indented on a terminal
  yaml   the same as YAML
  csv    comma-separated values with a header (RFC 4180)
  id     only the id, one a line

Without -o a pipe gets the columns separated by tabs, without titles:

  ostler account list --unused-for 90d -o id | xargs -n1 ostler account disable
  ostler credential list -o json | jq -r '.items[] | select(.status == \"active\") | .client_id'

A list is whole, however long it is, unless --limit asks for one page. Instants are in UTC (RFC 3339).
What other people wrote is shown so that it cannot steer the terminal.

Every command shows its request as a line to paste with --curl, and changes nothing with --dry-run.";

/// What `ostler help config` says beside the verbs.
pub const CONFIG: &str = "\
The server (dev, init, serve, admin) reads its configuration from flags, then from variables, then
from one TOML file (-c or OSTLER_CONFIG); what nothing says has a safe default. An unknown key is an
error.

  [server]      listen, issuer, behind_tls_proxy, trusted_proxies, tls.cert_file, tls.key_file,
                atlassian_path
  [management]  listen
  [admin]       listen
  [database]    url
  [redis]       url
  [data]        dir
  [keys]        dir, rotation_days, publish_before_seconds
  [tokens]      lifetime_seconds, max_lifetime_seconds, max_bytes
  [limits]      failed_auth_per_minute, connections, body_bytes, admin_body_bytes
  [secrets]     pepper_file
  [audit]       retention_days
  [usage]       retention_days

A variable is OSTLER_ and the key, with __ for each dot: OSTLER_SERVER__LISTEN. A secret is also read
from a file that a variable names: OSTLER_DATABASE__URL_FILE.

Each key with what it does is in the file that `ostler config reference` prints. Which server this shell
talks to, and as whom, is another matter: ostler help environment.";
