#!/bin/sh
# Boots this machine's systemd as the first process of its own namespaces, over a root in memory with this machine's /usr.
# boot-systemd.sh ROOT RUN UNIT CGROUP: what is in the folder RUN becomes its /run; standard error is its console.
# Restarting ends it with SIGHUP (reboot(2), in a PID namespace), so that this ends with 129.
set -e
root=$1 run=$2 unit=$3 name=$4
for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
  [ -e "$hierarchy/cgroup.procs" ] || continue
  mkdir -p "$hierarchy/$name"
  echo $$ > "$hierarchy/$name/cgroup.procs"
done
export root run unit
exec unshare --pid --fork --mount --uts --ipc --net --cgroup --kill-child sh -ec '
console=$(tty <&2)
mount --make-rprivate /
mount -t tmpfs tmpfs "$root"
cd "$root"
mkdir usr etc var run tmp proc sys dev root
mount --bind /usr usr
mount -o remount,bind,ro usr
for each in bin sbin lib lib64; do ln -s usr/$each $each; done
cp /usr/lib/os-release /etc/passwd /etc/group etc/
echo uninitialized > etc/machine-id
mount -t proc proc proc
# Nothing in there may reach the machine that it runs on.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
[ ! -e proc/sysrq-trigger ] || mount --bind /dev/null proc/sysrq-trigger
mount -t sysfs -o ro sysfs sys
if [ -e /sys/fs/cgroup/cgroup.procs ]; then
  mount -t cgroup2 cgroup2 sys/fs/cgroup
else
  mount -t tmpfs tmpfs sys/fs/cgroup
  mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
fi
mount -t tmpfs tmpfs dev
for each in null zero full random urandom tty; do : > dev/$each; mount --bind /dev/$each dev/$each; done
: > dev/console
mount --bind "$console" dev/console
ln -s /proc/self/fd dev/fd
mkdir dev/shm dev/pts
mount -t tmpfs tmpfs run
cp -a "$run/." run/
systemd=/usr/lib/systemd/systemd
exec env -i container=speediso-test PATH=/usr/bin:/usr/sbin \
  chroot "$root" $systemd --log-target=console --log-level=info --show-status=1 --unit="$unit"
'
