#!/bin/sh
# Run when dracut's queue has waited for long (two thirds of rd.retry=, 180 s): without a network there is no root.
. /lib/speediso-lib.sh
. /lib/speediso-no-root-lib.sh

case "$netroot" in
    livenet:*)
        if ! [ -e "$speediso_work/fetched" ]; then
            give_up 'no network card got an address'
            # dracut's own counter: the wait begins anew.
            # shellcheck disable=SC2034
            main_loop=0
        fi
        ;;
esac
