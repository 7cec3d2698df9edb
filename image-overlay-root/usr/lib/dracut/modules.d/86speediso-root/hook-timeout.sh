#!/bin/sh
# Run every half second from two thirds of rd.retry= on.
command -v hostpart_spec > /dev/null || . /usr/lib/speediso/hostpart.sh
if wants_image_root && ! [ -e "$speediso_run/said-missing" ]; then
    mkdir -p "$speediso_run"
    : > "$speediso_run/said-missing"
    complain "NO ROOT: there is no partition $(hostpart_spec); the block devices are: $(list_devices)"
    # On a trial the next boot is the way back; a shell that nobody sits at is not.
    ! on_trial || leave reboot
fi
