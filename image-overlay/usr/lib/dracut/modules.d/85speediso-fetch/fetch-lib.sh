#!/bin/bash
# Parts of livenetroot: one attempt to fetch, and the judgement of what came. Needs dir, image, headers, limit.

total=''     # bytes of the whole file, as the source announces it; empty if it does not
validator='' # strong ETag or Last-Modified of the file that is being put together

# The last value of a header in the last answer (redirects put several answers in the file).
header() {
    tr -d '\r' < "$headers" 2> /dev/null | awk -v name="$1:" '
        /^HTTP\// { value = "" }
        tolower($1) == name { sub(/^[^:]*:[ \t]*/, ""); value = $0 }
        END { print value }'
}

size_of() { stat -c %s "$image" 2> /dev/null || echo 0; }
megabytes() { echo "$((($1 + 500000) / 1000000)) MB"; }
forget() {
    rm -f "$image"
    total='' validator=''
}

# Bytes that the root may take: what is free now, less what the system needs to start.
room() { awk '/^MemAvailable:/ { free = ($2 - 65536) * 1024; printf "%d\n", (free > 0) ? free : 0 }' /proc/meminfo; }

progress() {
    while sleep 15; do tell "$(megabytes "$(size_of)")${total:+ of $(megabytes "$total")} so far"; done
}

# Remembers from the answer how long the whole file is and what tells this version of it from another.
remember() {
    local range length etag
    range=$(header content-range)
    length=$(header content-length)
    etag=$(header etag)
    if [ -n "$range" ]; then total=${range##*/}; else total=$length; fi
    case "$total" in *[!0-9]*) total='' ;; esac
    case "$etag" in W/*) etag='' ;; esac
    validator=${etag:-$(header last-modified)}
}

# attempt URL: adds to the image what is missing; returns curl's exit code.
attempt() {
    local url=$1 have options=() watch rc
    have=$(size_of)
    rm -f "$headers" "$headers.err"
    if [ "$have" -gt 0 ]; then
        options+=(--continue-at "$have")
        # A file that changed in between must come from the start again, not as the tail of another one.
        [ -z "$validator" ] || options+=(--header "If-Range: $validator")
    fi
    progress &
    watch=$!
    curl --fail --location --globoff --silent --show-error --proto =http,https --max-redirs 5 \
        --connect-timeout 10 --speed-limit 1024 --speed-time 30 --max-filesize "$limit" \
        --dump-header "$headers" --stderr "$headers.err" --output "$image" "${options[@]}" "$url"
    rc=$?
    kill "$watch" 2> /dev/null
    # An answer without a body (an error) says nothing of the file.
    [ "$(size_of)" -eq "$have" ] || remember
    return "$rc"
}

# whole URL SHA256: whether the file on hand may be booted; says what is wrong otherwise.
whole() {
    local url=$1 want=$2 size sum inner
    size=$(size_of)
    if [ -n "$total" ] && [ "$size" -ne "$total" ]; then
        complain "DAMAGED: $url sent $size bytes of $total"
        return 1
    fi
    # Superblock of squashfs 4.0: magic "hsqs", and bytes_used as 64 bits at offset 40.
    if [ "$(dd if="$image" bs=4 count=1 2> /dev/null | tr -d '\000')" != hsqs ]; then
        complain "DAMAGED: $url is not a squashfs file system"
        return 1
    fi
    inner=$(od -An -t u8 -j 40 -N 8 "$image" | tr -d ' ')
    if [ "$size" -lt "${inner:-0}" ]; then
        complain "DAMAGED: $url sent $size bytes of a file system of $inner"
        return 1
    fi
    if [ -z "$want" ]; then
        tell "root NOT VERIFIED: no speediso.sha256= on the kernel command line (size ok: $size bytes)"
        return 0
    fi
    # Without AVX2: an emulated CPU is three times faster so, a real one hardly slower; SHA-NI stays on.
    sum=$(OPENSSL_ia32cap=:~0x20 sha256sum < "$image" | cut -d' ' -f1)
    if [ "$sum" != "$want" ]; then
        complain "DAMAGED: $url has SHA-256 $sum, wanted $want"
        return 1
    fi
    tell "root verified: SHA-256 ok, $size bytes"
}
