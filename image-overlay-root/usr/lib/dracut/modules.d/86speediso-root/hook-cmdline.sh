#!/bin/sh
# Takes the root over, unless the kernel command line names an ordinary one.

command -v find_hostpart > /dev/null || . /usr/lib/speediso/hostpart.sh

if wants_image_root; then
    # dracut's own hook waits for the device of "root=" otherwise.
    rm -f -- "$hookdir"/initqueue/finished/devexists-*ram*.sh "$hookdir"/emergency/80-*ram*.sh
    # shellcheck disable=SC2034
    root=speediso rootok=1
    unset root_unset
fi
