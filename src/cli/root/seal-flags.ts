import { type Command, JSON_FLAG } from '../command.ts'

/** Flags of `speediso root seal`. */
export const SEAL_FLAGS: Command['flags'] = {
  plan: { type: 'boolean', default: false, describe: 'tell what would go, and why; changes nothing' },
  json: JSON_FLAG,
  'image-version': {
    type: 'string',
    describe: "the image's version (default: its own, or of its os-release)",
  },
  manifest: { type: 'string', bare: true, describe: 'write its manifest to this file (default FILE.json)' },
  pack: {
    type: 'boolean',
    default: false,
    describe: 'pack its chunks beside it (FILE.chunks), so that hosts fetch less; with --manifest',
  },
  'sign-key': { type: 'string', describe: 'Ed25519 private key (PEM) to sign the manifest with' },
}
