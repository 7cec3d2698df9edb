import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The head of a kernel for x86-64 of this release, as far as a boot loader reads it. */
export function kernelOf(release: string): Buffer {
  const bytes = Buffer.alloc(0x1000)
  bytes.writeUInt16LE(0xaa55, 0x1fe)
  bytes.write('HdrS', 0x202)
  bytes.writeUInt16LE(0x20f, 0x206)
  bytes.writeUInt16LE(0x400, 0x20e)
  bytes.write(`${release} (built) #1`, 0x600)
  return bytes
}

/** Files and links (`-> target`) of a folder, by path. */
export type Tree = Readonly<Record<string, string | Buffer>>

export function plant(root: string, tree: Tree): void {
  for (const [path, content] of Object.entries(tree)) {
    const full = join(root, path)
    mkdirSync(dirname(full), { recursive: true })
    if (typeof content === 'string' && content.startsWith('-> ')) symlinkSync(content.slice(3), full)
    else writeFileSync(full, content)
  }
}

/** What a root image has to hold, and a system that no host has touched. */
export const CLEAN: Tree = {
  'boot/vmlinuz-6.1.0-30-amd64': kernelOf('6.1.0-30-amd64'),
  'boot/kernel': '-> vmlinuz-6.1.0-30-amd64',
  'boot/initrd.img-6.1.0-30-amd64': 'initramfs',
  'boot/initramfs': '-> /boot/initrd.img-6.1.0-30-amd64',
  'etc/os-release': 'ID=debian\nVERSION_ID="12"\n',
  'etc/passwd':
    'root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/srv/people/ada:/bin/sh\nd:x:2:2::/:/bin/false\n',
  'etc/shadow': 'root:*:19000:0:99999:7:::\n',
  'etc/hosts': '127.0.0.1\tlocalhost\n::1\tlocalhost\n',
  'etc/ssh/sshd_config': 'PermitRootLogin no\n',
  'etc/ssl/certs/ca-certificates.crt': '-----BEGIN CERTIFICATE-----\n',
  'etc/pki/ca-trust/source/anchors/site.pem': '-----BEGIN CERTIFICATE-----\n',
  'usr/share/ca-certificates/site.crt': '-----BEGIN CERTIFICATE-----\n',
  'usr/local/share/ca-certificates/site.crt': '-----BEGIN CERTIFICATE-----\n',
  'etc/speediso/root-keys/site.pem': '-----BEGIN PUBLIC KEY-----\n',
  'etc/netplan/10-dhcp.yaml': 'network:\n  version: 2\n',
  'etc/systemd/network/80-dhcp.network': '[Match]\nName=en*\n[Network]\nDHCP=yes\n',
  'etc/udev/rules.d/60-local.rules': 'SUBSYSTEM=="block", ATTR{queue/rotational}=="1"\n',
  'etc/kernel/entry-token': 'debian\n',
  'var/lib/dpkg/status': 'Package: bash\n',
}

/** Random enough to be told from everything else, and the same in each run. */
export function secret(name: string): string {
  let state = [...name].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) >>> 0, 7)
  let text = ''
  while (text.length < 400) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    text += String.fromCharCode(33 + ((state >>> 16) % 94))
  }
  return `-----BEGIN PRIVATE KEY-----\n${text}\n-----END PRIVATE KEY-----\n`
}

/** What a host leaves in its root. */
export const LIVED_IN: Tree = {
  'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  'var/lib/dbus/machine-id': '-> /etc/machine-id',
  'etc/hostname': 'node7\n',
  'etc/ssh/ssh_host_ed25519_key': secret('ssh'),
  'etc/ssh/ssh_host_ed25519_key.pub': 'ssh-ed25519 AAAA node7\n',
  'etc/iscsi/initiatorname.iscsi': 'InitiatorName=iqn.1993-08.org.debian:01:abcdef\n',
  'etc/nvme/hostnqn': 'nqn.2014-08.org.nvmexpress:uuid:1\n',
  'etc/hostid': 'abcd',
  'var/lib/glusterd/glusterd.info': 'UUID=1\n',
  'etc/ceph/ceph.client.admin.keyring': secret('ceph'),
  'etc/puppetlabs/puppet/ssl/private_keys/node7.pem': secret('puppet'),
  'etc/puppetlabs/puppet/puppet.conf': '[main]\ncertname = node7\nserver = puppet\n',
  'var/lib/puppet/ssl/certs/node7.pem': 'certificate\n',
  'etc/wireguard/wg0.conf': secret('wireguard'),
  'root/.bash_history': 'mysql -phunter2\n',
  'srv/people/ada/.ssh/id_ed25519': secret('ada'),
  'var/log/journal/0123456789abcdef0123456789abcdef/system.journal': 'journal\n',
  'var/log/nginx/access.log': '10.0.0.7\n',
  'var/lib/systemd/random-seed': secret('seed'),
  'etc/krb5.keytab': '-> /srv/krb5.keytab',
  'srv/krb5.keytab': secret('keytab'),
  'etc/netplan/99-host.yaml':
    'network:\n  ethernets:\n    e:\n      match:\n        macaddress: "52:54:00:12:34:56"\n',
  'etc/systemd/network/10-e.link': '[Match]\nMACAddress=52:54:00:12:34:56\n[Link]\nName=e\n',
  'etc/udev/rules.d/70-persistent-net.rules': 'x\n',
  'tmp/.X11-unix/file': 'x\n',
}
