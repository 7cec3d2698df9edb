#!/bin/sh
# In a process of its own: what it sets stays there.
if [ "$root" = speediso ]; then
    sh /usr/lib/speediso/root.sh || {
        emergency_shell 'NO ROOT: no image on hostpart could be started'
    }
fi
