import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Figure } from './figure.ts'

/** Bytes that a boot may have to fetch, as the image's recipe promises. */
const BUDGET = { boot: 45e6, root: 200e6 }

/** Sizes of the image's parts, each beside its share of the budget or what it holds when unpacked. */
export async function imageFigures(dir: string): Promise<Figure[]> {
  const size = async (name: string) => (await stat(join(dir, name))).size
  const [kernel, initrd, root] = [
    await size('vmlinuz'),
    await size('initrd.img'),
    await size('rootfs.squashfs'),
  ]
  const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as { rootSize: number }
  const megabytes = (figure: string, bytes: number, peer: string, peerBytes: number): Figure => {
    return { figure, value: bytes / 1e6, unit: 'MB', peer, peerValue: peerBytes / 1e6 }
  }
  return [
    megabytes('size: vmlinuz', kernel, 'budget of kernel and initramfs', BUDGET.boot),
    megabytes('size: initrd.img', initrd, 'budget of kernel and initramfs', BUDGET.boot),
    {
      ...megabytes('size: vmlinuz + initrd.img', kernel + initrd, 'budget', BUDGET.boot),
      limit: { value: BUDGET.boot / 1e6 },
    },
    {
      ...megabytes('size: rootfs.squashfs', root, 'budget', BUDGET.root),
      limit: { value: BUDGET.root / 1e6 },
    },
    megabytes('size: rootfs.squashfs', root, 'the same unpacked', manifest.rootSize),
  ]
}
