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
    6  a check was made (token verify, config check), and its answer is no
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

The server itself (dev, init, serve, config check) reads its configuration from flags, then from
variables, then from a file (-c or OSTLER_CONFIG). A variable is OSTLER_ and the key, with __ for
each dot: OSTLER_SERVER__LISTEN, OSTLER_DATABASE__URL, or OSTLER_DATABASE__URL_FILE for a secret.

For a certificate of your own authority, set SSL_CERT_FILE to its PEM file.";
