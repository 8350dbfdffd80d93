-- The nouns. One text for SQLite and PostgreSQL:
--
-- * ids are TEXT as they are shown, instants BIGINT unix milliseconds, flags SMALLINT 0 or 1,
--   structured values TEXT JSON, hashes TEXT base64url;
-- * every key says NOT NULL, since SQLite allows NULL in a primary key that is not an integer;
-- * row_version is raised by every change and never by use: it is what an ETag shows;
-- * the rules are in the code. Constraints here are the second line of defence.

-- What `init` wrote. No row: nothing has begun.
CREATE TABLE instance (
    id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL CHECK (length(epoch) = 8),
    pepper TEXT NOT NULL,
    initialized_at BIGINT
);

-- The row that changes of the instance lock. It always exists, so the first `init` is alone too.
CREATE TABLE instance_lock (
    id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1)
);
INSERT INTO instance_lock (id) VALUES (1);

CREATE TABLE organization (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    generation BIGINT NOT NULL CHECK (generation >= 1),
    max_service_accounts BIGINT CHECK (max_service_accounts >= 0),
    leak_report TEXT NOT NULL DEFAULT 'revoke' CHECK (leak_report IN ('revoke', 'finding')),
    allow_never_expires SMALLINT NOT NULL DEFAULT 1 CHECK (allow_never_expires IN (0, 1)),
    max_token_lifetime_seconds BIGINT CHECK (max_token_lifetime_seconds >= 1),
    created_at BIGINT NOT NULL,
    row_version BIGINT NOT NULL DEFAULT 1
);

-- A deleted account stays as a tombstone, so that audit and usage can name it and neither its id
-- nor its e-mail is ever given out again.
CREATE TABLE service_account (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id),
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    description TEXT,
    owner TEXT,
    labels TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    generation BIGINT NOT NULL CHECK (generation >= 1),
    expires_at BIGINT,
    max_token_lifetime_seconds BIGINT CHECK (max_token_lifetime_seconds >= 1),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    -- When its grants, its roles or its groups were last changed; NULL = not since it was made.
    access_changed_at BIGINT,
    row_version BIGINT NOT NULL DEFAULT 1,
    -- What people wrote and look for, folded by the code: databases fold little beyond ASCII.
    search_text TEXT NOT NULL,
    UNIQUE (organization_id, id)
);
CREATE UNIQUE INDEX service_account_name ON service_account (organization_id, folded_name)
    WHERE deleted_at IS NULL;
-- One for each order in which accounts are listed, and one for each owner's.
CREATE INDEX service_account_made ON service_account (organization_id, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX service_account_end
    ON service_account (organization_id, coalesce(expires_at, 9223372036854775807), id)
    WHERE deleted_at IS NULL;
CREATE INDEX service_account_owner ON service_account (organization_id, owner, id)
    WHERE deleted_at IS NULL;
CREATE INDEX service_account_stopped ON service_account (organization_id, id)
    WHERE status <> 'active' AND deleted_at IS NULL;

-- Roles. Those that are built in code have a row too, so that what names them satisfies its foreign
-- key; they belong to no organization, and what they grant is in the code.
CREATE TABLE role (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT REFERENCES organization (id),
    name TEXT NOT NULL,
    description TEXT,
    access_changed_at BIGINT,
    row_version BIGINT NOT NULL DEFAULT 1,
    search_text TEXT NOT NULL DEFAULT '',
    UNIQUE (organization_id, name)
);
CREATE INDEX role_of_organization ON role (organization_id, id);
INSERT INTO role (id, organization_id, name) VALUES
    ('role_00000000000000000000000001', NULL, 'owner'),
    ('role_00000000000000000000000002', NULL, 'operator'),
    ('role_00000000000000000000000003', NULL, 'auditor');

CREATE TABLE account_role (
    account_id TEXT NOT NULL REFERENCES service_account (id),
    role_id TEXT NOT NULL REFERENCES role (id),
    PRIMARY KEY (account_id, role_id)
);
CREATE INDEX account_role_of_role ON account_role (role_id, account_id);

-- `group` is a word of SQL.
CREATE TABLE account_group (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id),
    name TEXT NOT NULL,
    description TEXT,
    access_changed_at BIGINT,
    row_version BIGINT NOT NULL DEFAULT 1,
    search_text TEXT NOT NULL DEFAULT '',
    UNIQUE (organization_id, name)
);
CREATE INDEX account_group_of_organization ON account_group (organization_id, id);

CREATE TABLE group_role (
    group_id TEXT NOT NULL REFERENCES account_group (id) ON DELETE CASCADE,
    role_id TEXT NOT NULL REFERENCES role (id),
    PRIMARY KEY (group_id, role_id)
);
CREATE INDEX group_role_of_role ON group_role (role_id, group_id);

CREATE TABLE group_member (
    group_id TEXT NOT NULL REFERENCES account_group (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES service_account (id),
    PRIMARY KEY (group_id, account_id)
);
CREATE INDEX group_member_of_account ON group_member (account_id, group_id);

-- An API token is a credential too: its one secret is the token. The name of one that was revoked is
-- free again. Two ends follow from the secrets and are kept with them: that of the newest that was not
-- taken back, and the latest of any that was not (the greatest number = never). The first is the
-- credential's until it has passed, and then it is the second; where all were taken back, the first is
-- that of the newest, and the second 0: so a credential has a live secret until last_end and no longer.
-- overlap_end is the latest of those that are older than that newest one.
CREATE TABLE credential (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    client_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('client_secret', 'api_token')),
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled', 'revoked')),
    generation BIGINT NOT NULL CHECK (generation >= 1),
    allowed_networks TEXT NOT NULL,
    is_narrowed SMALLINT NOT NULL CHECK (is_narrowed IN (0, 1)),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revoked_at BIGINT,
    newest_end BIGINT NOT NULL DEFAULT 9223372036854775807,
    last_end BIGINT NOT NULL DEFAULT 9223372036854775807,
    overlap_end BIGINT,
    row_version BIGINT NOT NULL DEFAULT 1,
    FOREIGN KEY (organization_id, account_id) REFERENCES service_account (organization_id, id)
);
CREATE UNIQUE INDEX credential_name ON credential (account_id, kind, name)
    WHERE kind <> 'api_token' OR status <> 'revoked';
-- One for each order in which credentials are listed; those that outlive their newest secret, that
-- are in an overlap or that were stopped are few.
CREATE INDEX credential_of_organization ON credential (organization_id, kind, id);
CREATE INDEX credential_named ON credential (organization_id, kind, name, id);
CREATE INDEX credential_made ON credential (organization_id, kind, created_at, id);
CREATE INDEX credential_end ON credential (organization_id, kind, newest_end, id);
CREATE INDEX credential_outlived ON credential (organization_id, kind, last_end, id)
    WHERE last_end > newest_end;
CREATE INDEX credential_stopped ON credential (organization_id, kind, id) WHERE status <> 'active';
-- For those that have ended, and to count those that have not. Every credential meets the second condition:
-- it is there so that no statement is led here that does not say it.
CREATE INDEX credential_live ON credential (organization_id, kind, last_end, id, status)
    WHERE status = 'active' AND last_end >= 0;
CREATE INDEX credential_overlap ON credential (organization_id, overlap_end, id)
    WHERE overlap_end IS NOT NULL;
-- It begins like those above: who names the account as well is not led through all credentials of the
-- organization.
CREATE INDEX credential_of_account ON credential (organization_id, account_id, kind, id);
-- All that is searched, so that a search reads nothing else.
CREATE INDEX credential_search ON credential (organization_id, kind, folded_name, client_id, id);

-- position is the order in which the secrets of a credential were made: two may have one instant.
CREATE TABLE secret (
    id TEXT NOT NULL PRIMARY KEY,
    credential_id TEXT NOT NULL REFERENCES credential (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    hmac TEXT NOT NULL CHECK (length(hmac) = 43),
    pepper TEXT NOT NULL,
    hint TEXT NOT NULL CHECK (length(hint) <= 8),
    created_at BIGINT NOT NULL,
    ends_at BIGINT,
    revoked_at BIGINT,
    UNIQUE (credential_id, position)
);
CREATE UNIQUE INDEX secret_hmac ON secret (hmac);

-- Secrets that somebody has reported as leaked, where a person decides what follows.
CREATE TABLE leak (
    secret_id TEXT NOT NULL PRIMARY KEY REFERENCES secret (id) ON DELETE CASCADE,
    reported_at BIGINT NOT NULL,
    address TEXT
);
CREATE INDEX secret_end ON secret (ends_at);

-- An audience is unique on the instance and stays reserved after deletion, which is why a deleted
-- API keeps its row.
CREATE TABLE api (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT REFERENCES organization (id),
    name TEXT NOT NULL,
    audience TEXT UNIQUE,
    token_lifetime_seconds BIGINT CHECK (token_lifetime_seconds >= 1),
    signing_alg TEXT NOT NULL CHECK (signing_alg IN ('ES256', 'RS256', 'EdDSA')),
    token_typ TEXT NOT NULL CHECK (token_typ IN ('at+jwt', 'JWT')),
    -- How many resources it has, so that nobody has to count them.
    resource_count BIGINT NOT NULL DEFAULT 0 CHECK (resource_count >= 0),
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_version BIGINT NOT NULL DEFAULT 1,
    CHECK ((organization_id IS NULL) = (audience IS NULL))
);
CREATE UNIQUE INDEX api_name ON api (organization_id, name) WHERE deleted_at IS NULL;
CREATE INDEX api_of_organization ON api (organization_id, id);

-- The built-in API has a row so that grants of it satisfy their foreign key. It belongs to no
-- organization, and its audience is the issuer, which is configuration and not a fact.
INSERT INTO api (id, organization_id, name, audience, signing_alg, token_typ, created_at)
VALUES ('api_00000000000000000000000000', NULL, 'ostler', NULL, 'ES256', 'at+jwt', 0);

-- A scope has the version of its API in which it was made, and never changes.
CREATE TABLE api_scope (
    api_id TEXT NOT NULL REFERENCES api (id),
    scope TEXT NOT NULL,
    description TEXT,
    row_version BIGINT NOT NULL,
    PRIMARY KEY (api_id, scope)
);

CREATE TABLE api_resource_type (
    api_id TEXT NOT NULL REFERENCES api (id),
    resource_type TEXT NOT NULL,
    PRIMARY KEY (api_id, resource_type)
);

CREATE TABLE resource (
    id TEXT NOT NULL PRIMARY KEY,
    api_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_key TEXT NOT NULL CHECK (resource_key <> '*'),
    name TEXT,
    row_version BIGINT NOT NULL DEFAULT 1,
    search_text TEXT NOT NULL DEFAULT '',
    UNIQUE (api_id, resource_type, resource_key),
    FOREIGN KEY (api_id, resource_type) REFERENCES api_resource_type (api_id, resource_type)
);
-- With all that is searched, so that a search reads nothing else.
CREATE INDEX resource_of_api ON resource (api_id, id, search_text);
CREATE INDEX resource_of_type ON resource (api_id, resource_type, id, search_text);

-- Grants. holder_id is the id of the account, the role or the credential that holds them: ids carry
-- their kind, so one key serves all. Scopes and keys are names rather than references, because those
-- of the built-in API are not rows. text_bytes is how much its scopes and keys count for.
CREATE TABLE access_grant (
    holder_id TEXT NOT NULL,
    position BIGINT NOT NULL CHECK (position >= 0),
    api_id TEXT NOT NULL REFERENCES api (id),
    text_bytes BIGINT NOT NULL DEFAULT 0 CHECK (text_bytes >= 0),
    account_id TEXT REFERENCES service_account (id),
    role_id TEXT REFERENCES role (id) ON DELETE CASCADE,
    credential_id TEXT REFERENCES credential (id) ON DELETE CASCADE,
    PRIMARY KEY (holder_id, position),
    CHECK (holder_id = coalesce(account_id, role_id, credential_id)),
    CHECK (account_id IS NULL OR coalesce(role_id, credential_id) IS NULL),
    CHECK (role_id IS NULL OR credential_id IS NULL)
);
CREATE INDEX access_grant_at_api ON access_grant (api_id, holder_id);
CREATE INDEX access_grant_of_role ON access_grant (role_id) WHERE role_id IS NOT NULL;
CREATE INDEX access_grant_of_credential ON access_grant (credential_id)
    WHERE credential_id IS NOT NULL;

CREATE TABLE access_scope (
    holder_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    scope TEXT NOT NULL,
    PRIMARY KEY (holder_id, position, scope),
    FOREIGN KEY (holder_id, position) REFERENCES access_grant (holder_id, position)
        ON DELETE CASCADE
);

-- A resource type that a grant mentions: all of them (is_all), or those in access_resource, of
-- which there may be none.
CREATE TABLE access_type (
    holder_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    resource_type TEXT NOT NULL,
    is_all SMALLINT NOT NULL CHECK (is_all IN (0, 1)),
    PRIMARY KEY (holder_id, position, resource_type),
    FOREIGN KEY (holder_id, position) REFERENCES access_grant (holder_id, position)
        ON DELETE CASCADE
);

CREATE TABLE access_resource (
    holder_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_key TEXT NOT NULL CHECK (resource_key <> '*'),
    PRIMARY KEY (holder_id, position, resource_type, resource_key),
    FOREIGN KEY (holder_id, position, resource_type)
        REFERENCES access_type (holder_id, position, resource_type) ON DELETE CASCADE
);

-- Who holds a scope or a resource.
CREATE INDEX access_scope_held ON access_scope (scope, holder_id);
CREATE INDEX access_resource_held ON access_resource (resource_type, resource_key, holder_id);
CREATE INDEX access_type_held ON access_type (resource_type, holder_id) WHERE is_all = 1;

CREATE TABLE signing_key (
    kid TEXT NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL CHECK (algorithm IN ('ES256', 'RS256', 'EdDSA')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'retiring', 'retired', 'revoked')),
    created_at BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    activates_at BIGINT,
    active_from BIGINT,
    last_signed_at BIGINT,
    max_token_lifetime_seconds BIGINT CHECK (max_token_lifetime_seconds >= 1),
    longer_tokens_end_at BIGINT,
    leaves_jwks_at BIGINT,
    row_version BIGINT NOT NULL DEFAULT 1
);
-- One key signs per algorithm: the old one stops before the new one begins.
CREATE UNIQUE INDEX signing_key_active ON signing_key (algorithm) WHERE state = 'active';

CREATE TABLE revoked_token (
    jti TEXT NOT NULL PRIMARY KEY CHECK (length(jti) = 22),
    organization_id TEXT NOT NULL REFERENCES organization (id),
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL
);
CREATE INDEX revoked_token_end ON revoked_token (expires_at);

-- Calls that were made under an Idempotency-Key, by a digest of caller, route and key; request is a
-- digest of what was sent, and the rest is what was answered. Never a secret.
CREATE TABLE answered_call (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 43),
    request TEXT NOT NULL CHECK (length(request) = 43),
    status BIGINT NOT NULL,
    tag TEXT,
    body TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE INDEX answered_call_age ON answered_call (made_at);

-- Evidence of use, by who proved what they were: a credential, by a secret of it or (empty) by none.
-- What is known of an account is in the rows of its credentials. It outlives what it is about.
CREATE TABLE usage_stamp (
    credential_id TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('authenticated', 'issued', 'seen')),
    account_id TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    address TEXT,
    user_agent TEXT,
    PRIMARY KEY (credential_id, secret_id, kind),
    CHECK (first_at <= last_at)
);
CREATE INDEX usage_stamp_of_account ON usage_stamp (account_id);
CREATE INDEX usage_stamp_of_secret ON usage_stamp (secret_id) WHERE secret_id <> '';

-- When an account or a credential was last used in any way (0 = never), for lists in that order; it
-- has its row from the beginning. quiet_from is since when nothing had used it before woke_at, when
-- something did after a long time.
CREATE TABLE last_use (
    subject_id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id),
    account_id TEXT REFERENCES service_account (id),
    credential_id TEXT REFERENCES credential (id) ON DELETE CASCADE,
    last_at BIGINT NOT NULL,
    quiet_from BIGINT NOT NULL,
    woke_at BIGINT,
    CHECK ((account_id IS NULL) <> (credential_id IS NULL)),
    CHECK (subject_id = coalesce(account_id, credential_id))
);
-- With since when it may have been quiet: what was made lately is not unused for long.
CREATE INDEX last_use_of_accounts ON last_use (organization_id, last_at, account_id, quiet_from)
    WHERE account_id IS NOT NULL;
CREATE INDEX last_use_of_credentials
    ON last_use (organization_id, last_at, credential_id, quiet_from)
    WHERE credential_id IS NOT NULL;
CREATE INDEX last_use_of_credential ON last_use (credential_id)
    WHERE credential_id IS NOT NULL;
CREATE INDEX last_use_after_long ON last_use (woke_at) WHERE woke_at IS NOT NULL;

-- How many requests there were in each hour: of an account, by credential, and of all accounts of an
-- organization together, under the organization's id and no credential. An API token is named by the
-- id of its own kind. Where an API, a credential or a refusal is not known or not there, its text is
-- empty. They outlive what they name.
CREATE TABLE usage_hour (
    subject_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    hour BIGINT NOT NULL,
    credential_id TEXT NOT NULL,
    api_id TEXT NOT NULL,
    refusal TEXT NOT NULL,
    issued BIGINT NOT NULL CHECK (issued >= 0),
    refused BIGINT NOT NULL CHECK (refused >= 0),
    introspected BIGINT NOT NULL CHECK (introspected >= 0),
    PRIMARY KEY (subject_id, hour, credential_id, api_id, refusal)
);
CREATE INDEX usage_hour_time ON usage_hour (hour, organization_id);
CREATE INDEX usage_hour_refused ON usage_hour (hour, subject_id, organization_id, refused)
    WHERE refused > 0;

CREATE TABLE usage_address (
    subject_id TEXT NOT NULL,
    hour BIGINT NOT NULL,
    address TEXT NOT NULL,
    requests BIGINT NOT NULL CHECK (requests >= 0),
    last_at BIGINT NOT NULL,
    PRIMARY KEY (subject_id, hour, address)
);
CREATE INDEX usage_address_time ON usage_address (hour);

-- The networks that an account authenticated from lately; first_at begins anew after a long time.
CREATE TABLE usage_network (
    account_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    network TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, network)
);
CREATE INDEX usage_network_begin ON usage_network (first_at);
CREATE INDEX usage_network_end ON usage_network (last_at);

-- What was added to the tables above, so that it is added once when an answer was lost.
CREATE TABLE usage_batch (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 22),
    at BIGINT NOT NULL
);
CREATE INDEX usage_batch_time ON usage_batch (at);

-- latest_at is the latest `at` of the chain, and max_lateness by how many milliseconds an event was
-- ever behind it: together they make a span of time a span of numbers, whatever clocks have done.
CREATE TABLE audit_head (
    chain TEXT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL CHECK (sequence >= 0),
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    latest_at BIGINT NOT NULL,
    max_lateness BIGINT NOT NULL CHECK (max_lateness >= 0)
);

CREATE TABLE audit_event (
    chain TEXT NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence >= 1),
    id TEXT NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    latest_at BIGINT NOT NULL,
    actor_type TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    actor_credential TEXT,
    actor_address TEXT,
    actor_user_agent TEXT,
    action TEXT NOT NULL,
    target_type TEXT NOT NULL,
    target_id TEXT NOT NULL,
    target_name TEXT NOT NULL,
    result TEXT NOT NULL CHECK (result IN ('success', 'refused')),
    occurrences BIGINT NOT NULL CHECK (occurrences >= 1),
    request_id TEXT,
    changes TEXT NOT NULL,
    previous_hash TEXT NOT NULL CHECK (length(previous_hash) = 64),
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    PRIMARY KEY (chain, sequence)
);
-- One for each filter, each in the order in which events are listed.
CREATE INDEX audit_event_by_time ON audit_event (chain, latest_at, sequence);
CREATE INDEX audit_event_by_action ON audit_event (chain, action, sequence);
CREATE INDEX audit_event_by_actor_id ON audit_event (chain, actor_id, sequence);
CREATE INDEX audit_event_by_actor_name ON audit_event (chain, actor_name, sequence);
CREATE INDEX audit_event_by_actor_credential ON audit_event (chain, actor_credential, sequence)
    WHERE actor_credential IS NOT NULL;
CREATE INDEX audit_event_by_target_id ON audit_event (chain, target_id, sequence);
CREATE INDEX audit_event_by_target_name ON audit_event (chain, target_name, sequence);
CREATE INDEX audit_event_by_result ON audit_event (chain, result, sequence);
-- Both are common, and seldom together.
CREATE INDEX audit_event_by_both ON audit_event (chain, action, result, sequence);
CREATE INDEX audit_event_by_request ON audit_event (chain, request_id, sequence)
    WHERE request_id IS NOT NULL;

-- The last event that retention removed from a chain, and a signature that vouches for it. Only the
-- events up to it can be deleted: see the triggers.
CREATE TABLE audit_checkpoint (
    chain TEXT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL CHECK (sequence >= 1),
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    signed TEXT NOT NULL
);
