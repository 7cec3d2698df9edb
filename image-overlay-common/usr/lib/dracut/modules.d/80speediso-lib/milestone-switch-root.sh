#!/bin/sh
. /lib/speediso-lib.sh
milestone switch-root
