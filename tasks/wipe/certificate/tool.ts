import type { TaskTool } from '../../../src/runtime/task.ts'
import { checkCertificateFile } from './check-file.ts'
import { readCertificateKeys } from './keys.ts'

/** `--check-certificate FILE`: whether a certificate is genuine, and what it proves. */
export const checkTool: TaskTool = {
  describe: 'check the certificate in this file, or in this report, and wipe nothing',
  flags: {
    key: 'the public key that must have signed it, a file or base64',
    'certificate-html': 'write it to this file as pages to print, one a disk',
  },
  async run(path, { key, 'certificate-html': out }, { root, readFile }) {
    const trusted = key === undefined ? await readCertificateKeys(root) : []
    const asked = { ...(key === undefined ? {} : { key }), html: out !== undefined }
    const { verdict, lines, html } = await checkCertificateFile(path, { readFile, trusted }, asked)
    if (out === undefined) return { verdict, lines }
    if (html === undefined) {
      const why = `${out} was not written: ${path} is not to be relied on`
      return { verdict, lines: [...lines, why] }
    }
    return { verdict, lines, files: [{ path: out, text: html }] }
  },
}
