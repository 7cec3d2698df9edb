#!/bin/sh
command -v hostpart_is_there > /dev/null || . /usr/lib/speediso/hostpart.sh
! wants_image_root || hostpart_is_there
