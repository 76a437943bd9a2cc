#!/usr/bin/env bash
# Verifies a webhook of aftercall. bash 3.2 or newer, openssl, and cat, date, od, tr, which every Unix has.
# As a library: source it, then aftercall_verify or aftercall_verify_plain. By hand: verify.sh [--plain] SECRET HEADERS-FILE BODY-FILE
# openssl takes its key as an argument: while it runs, other accounts of the machine can see it in the list of processes.

AFTERCALL_TOLERANCE=300 # seconds

# SECRET HEADERS-FILE BODY-FILE: prints "verified" or "refused: why", returns 0 or 1.
aftercall_verify() {
  local id timestamp signatures key age expected one
  id=$(_aftercall_header webhook-id "$2")
  timestamp=$(_aftercall_header webhook-timestamp "$2")
  signatures=$(_aftercall_header webhook-signature "$2")
  if [[ -z $id || -z $signatures || ! $timestamp =~ ^[0-9]{1,12}$ ]]; then
    _aftercall_refuse "not signed: webhook-id, webhook-timestamp or webhook-signature is missing"
    return
  fi
  age=$(($(date +%s) - 10#$timestamp))
  if ((age > AFTERCALL_TOLERANCE || age < -AFTERCALL_TOLERANCE)); then
    _aftercall_refuse "webhook-timestamp is too old, or from the future"
    return
  fi
  # The key: what base64 after whsec_ decodes to; of any other secret its text.
  if [[ $1 == whsec_* ]]; then
    key=$(printf '%s' "${1#whsec_}" | openssl base64 -d -A 2>/dev/null | _aftercall_hex)
  else
    key=$(printf '%s' "$1" | _aftercall_hex)
  fi
  if [[ -z $key ]]; then
    _aftercall_refuse "no secret is set, or it is not base64 after whsec_"
    return
  fi
  expected=v1,$({ printf '%s.%s.' "$id" "$timestamp" && cat "$3"; } | _aftercall_hmac "$key" | openssl base64 -A)
  # Several while a secret is rotated; one has to fit.
  while [[ -n $signatures ]]; do
    one=${signatures%% *}
    if _aftercall_same "$one" "$expected"; then
      echo "verified"
      return 0
    fi
    [[ $signatures == *' '* ]] && signatures=${signatures#* } || signatures=
  done
  _aftercall_refuse "webhook-signature does not match"
}

# The other signature: the key is the text of the secret, the message is the body alone.
aftercall_verify_plain() {
  if [[ -z $1 ]]; then
    _aftercall_refuse "no secret is set"
    return
  fi
  local expected
  expected=sha256=$(_aftercall_hmac "$(printf '%s' "$1" | _aftercall_hex)" <"$3" | _aftercall_hex)
  if ! _aftercall_same "$(_aftercall_header x-signature "$2")" "$expected"; then
    _aftercall_refuse "x-signature is missing or does not match"
    return
  fi
  echo "verified"
}

_aftercall_refuse() {
  echo "refused: $1"
  return 1
}

# NAME HEADERS-FILE: the value of the header, its name in whatever letter case. A subshell, for the option's sake.
_aftercall_header() (
  shopt -s nocasematch
  while IFS=: read -r name value || [[ -n $name ]]; do
    if [[ $name == "$1" ]]; then
      value=${value#"${value%%[![:space:]]*}"}
      printf '%s' "${value%"${value##*[![:space:]]}"}"
      return
    fi
  done <"$2"
)

_aftercall_hex() { od -An -v -tx1 | tr -d ' \n'; }

# KEY-IN-HEX: the tag of what comes in.
_aftercall_hmac() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary; }

# A shell compares byte by byte and stops early. The tags of both under a key of the moment tell nobody where they part.
_aftercall_same() {
  local key
  key=$(openssl rand -hex 32)
  [[ ${#key} == 64 && $(printf '%s' "$1" | _aftercall_hmac "$key" | _aftercall_hex) == \
    $(printf '%s' "$2" | _aftercall_hmac "$key" | _aftercall_hex) ]]
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  check=aftercall_verify
  if [[ ${1:-} == --plain ]]; then
    check=aftercall_verify_plain
    shift
  fi
  if [[ $# != 3 ]]; then
    echo "usage: verify.sh [--plain] SECRET HEADERS-FILE BODY-FILE" >&2
    exit 2
  fi
  for file in "$2" "$3"; do
    [[ -r $file ]] || { echo "cannot read $file" >&2; exit 2; }
  done
  "$check" "$@"
fi
