#!/bin/sh
# Lays out the files of Purser's image: rootfs.sh PROGRAM CA_CERTIFICATES FOLDER
#
# The image has no system of its own: only the program, the certificates that it trusts, and
# names for its user. Dockerfile runs this, and so do the tests.
set -eu
program=$1 certificates=$2 root=$3
umask 022
mkdir -p "$root/usr/bin" "$root/etc/ssl/certs" "$root/etc/purser" "$root/empty"
cp "$program" "$root/usr/bin/purser"
chmod 0755 "$root/usr/bin/purser"
cp "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
echo 'purser:x:65532:65532:Purser:/var/lib/purser:/nologin' > "$root/etc/passwd"
echo 'purser:x:65532:' > "$root/etc/group"
