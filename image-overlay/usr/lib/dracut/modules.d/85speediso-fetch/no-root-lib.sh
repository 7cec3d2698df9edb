#!/bin/sh
# What cannot be fetched over, and what happens when nothing could be fetched. Needs speediso-lib.sh.

# is_bmc_card INTERFACE: whether it is a USB network function as BMCs offer one to their host; the same list as in
# 71-1-speediso-bmc.network.
is_bmc_card() {
    _driver=$(readlink "/sys/class/net/$1/device/driver")
    case "${_driver##*/}" in
        cdc_ether | cdc_eem | cdc_ncm | cdc_subset | rndis_host) return 0 ;;
    esac
    return 1
}

# give_up REASON: says why this machine does not boot, then reboots or powers off if asked to, or opens a shell on
# the console and returns once somebody has left it. Needs dracut-lib.sh.
give_up() {
    complain "NO ROOT: $1"
    complain "NO ROOT: this machine did not boot, and nothing on its disks was touched"
    milestone fetch-failed
    _wish=$(getarg speediso.fetch.after_failure=)
    case "$_wish" in
        reboot | poweroff)
            complain "NO ROOT: $_wish in 10 seconds (speediso.fetch.after_failure=$_wish)"
            sleep 10
            systemctl --force --force "$_wish"
            sleep infinity
            ;;
        '' | stay) ;;
        *) complain "speediso.fetch.after_failure=$_wish is not known; it can be stay, reboot or poweroff" ;;
    esac
    # Somebody who attaches to the console later sees it too.
    while sleep 60; do complain "NO ROOT: $1 (leave the shell to try again)"; done &
    _reminder=$!
    emergency_shell "NO ROOT: $1"
    kill "$_reminder"
    tell "trying again"
}
