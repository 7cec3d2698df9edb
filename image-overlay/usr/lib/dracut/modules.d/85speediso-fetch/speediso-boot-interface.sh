#!/bin/sh
# Gives the card that booted (BOOTIF=) the default route: here and, as /run is carried over, in the system that follows.

command -v tell > /dev/null || . /lib/speediso-lib.sh

if _bootif=$(getarg BOOTIF=) && getargbool 1 rd.bootif; then
    command -v fix_bootif > /dev/null || . /lib/net-lib.sh
    _mac=$(fix_bootif "$_bootif")
    case "$_mac" in
        *[!0-9a-f:]*) complain "BOOTIF=$_bootif names no card; it is written like 01-52-54-00-12-34-56" ;;
        ??:??:??:??:??:??)
            # systemd-network-generator writes 70-CARD for an ip= that names a card and 71-default for one that does
            # not; the first file that matches a card is its configuration, so this one comes between them.
            mkdir -p /run/systemd/network
            cat > /run/systemd/network/71-0-speediso-bootif.network << NETWORK
# Made from BOOTIF= of the kernel command line.
[Match]
MACAddress=$_mac
Kind=!*

[Network]
DHCP=yes
KeepConfiguration=dynamic-on-stop
LLMNR=no

[DHCPv4]
ClientIdentifier=mac
RouteMetric=100

[DHCPv6]
DUIDType=link-layer

[IPv6AcceptRA]
RouteMetric=100
NETWORK
            tell "the card with MAC $_mac carries the default route (BOOTIF=)"
            ;;
        *) complain "BOOTIF=$_bootif names no card; it is written like 01-52-54-00-12-34-56" ;;
    esac
fi
unset _bootif _mac
