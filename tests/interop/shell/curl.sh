#!/usr/bin/env bash
# Does what the driver says with curl and jq, as the README shows them: one JSON object per line
# comes in, one per line goes out.
set -euo pipefail

# What of the wish curl sends as it is.
data() { # NAME...
    local name
    options=()
    for name; do options+=(--data-urlencode "$name=$(jq -r ".$name" <<<"$wish")"); done
}

ask() { # PATH OPTION...
    curl --silent --show-error --max-time 60 "$ISSUER/oauth/$1" "${@:2}"
}

while read -r wish; do
    action=$(jq -r .do <<<"$wish")
    credential=$(jq -r '.client_id + ":" + .client_secret' <<<"$wish")
    case "$action $(jq -r '.way // ""' <<<"$wish")" in
        "token basic")
            data scope resource
            ask token --user "$credential" --data grant_type=client_credentials "${options[@]}" |
                jq -c 'if .access_token then {ok: .access_token} else {refused: .error} end'
            ;;
        "token body")
            data client_id client_secret scope resource
            ask token --data grant_type=client_credentials "${options[@]}" |
                jq -c 'if .access_token then {ok: .access_token} else {refused: .error} end'
            ;;
        "introspect ")
            data token
            ask introspect --user "$credential" "${options[@]}" | jq -c '{ok: .}'
            ;;
        "revoke ")
            data token
            ask revoke --fail --user "$credential" "${options[@]}" >&2
            echo '{"ok": true}'
            ;;
    esac
done
