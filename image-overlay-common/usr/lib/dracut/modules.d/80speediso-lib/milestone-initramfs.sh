#!/bin/sh
. /lib/speediso-lib.sh
milestone initramfs
