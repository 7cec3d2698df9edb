import { InputError } from '../../../src/errors.ts'

export interface Netboot {
  kernelUrl: string
  initrdUrl: string
  /** iPXE fills in its settings, such as `${netX/mac:hexhyp}`. */
  cmdline: string
}

/** The kernel of a UEFI machine takes the initramfs by this name from its command line; that of a BIOS ignores it. */
const INITRD = 'initrd.img'

/** Tells the kernel which card it was booted over, as PXELINUX does by itself and iPXE scripts in the field do. */
const BOOTIF = 'BOOTIF=01-${netX/mac:hexhyp}'

/**
 * The iPXE script that boots a kernel and its initramfs. A BOOTIF of the given command line counts before the script's.
 * @throws InputError for a command line that iPXE would read as more than one command
 */
export function netbootScript({ kernelUrl, initrdUrl, cmdline }: Netboot): string {
  const word = cmdline.split(/[ \t]+/).find((part) => ['||', '&&', ';'].includes(part))
  if (word !== undefined) throw new InputError(`kernel command line: iPXE reads "${word}" as the end of it`)
  if (/[^\x20-\x7e\t]/.test(cmdline)) {
    throw new InputError('kernel command line: it is one line of printable ASCII characters')
  }
  return [
    '#!ipxe',
    `kernel ${oneWord(kernelUrl)} initrd=${INITRD} ${BOOTIF} ${cmdline} || goto failed`,
    `initrd --name ${INITRD} ${oneWord(initrdUrl)} || goto failed`,
    'boot || goto failed',
    ':failed',
    `echo ${NETBOOT_FAILED}`,
    'exit 1',
    '',
  ].join('\n')
}

/** What a machine says on its console when its netboot script came to nothing. */
export const NETBOOT_FAILED = 'netboot failed: see the lines above'

/** What iPXE runs when the firmware fetched it over TFTP: on to the script over HTTP. */
export function autoexecScript(scriptUrl: string): string {
  const chain = `chain --replace ${oneWord(scriptUrl)}`
  return ['#!ipxe', `dhcp && ${chain} || echo ${NETBOOT_FAILED}`, 'exit 1', ''].join('\n')
}

function oneWord(url: string): string {
  if (/[^\x21-\x7e]/.test(url)) throw new InputError(`${JSON.stringify(url)}: a URL has no spaces`)
  return url
}
