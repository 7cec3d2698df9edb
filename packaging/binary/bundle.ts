import { build } from 'esbuild'

export interface BundleOptions {
  entry: string
  output: string
  version: string
  commit: string
}

/**
 * Bundles the program into one CommonJS file: V8's code cache works best with that format, and what is imported lazily
 * stays lazy inside the file.
 */
export async function bundle(options: BundleOptions): Promise<void> {
  await build({
    entryPoints: [options.entry],
    outfile: options.output,
    bundle: true,
    platform: 'node',
    target: 'node26',
    format: 'cjs',
    minify: true,
    // Names of error classes and functions are shown to people.
    keepNames: true,
    legalComments: 'none',
    logLevel: 'warning',
    define: {
      // yargs calls createRequire(import.meta.url), which a CommonJS file does not have.
      'import.meta.url': 'importMetaUrl',
      SPEEDISO_BUILD: JSON.stringify({ version: options.version, commit: options.commit }),
    },
    banner: { js: "const importMetaUrl=require('node:url').pathToFileURL(__filename).href;" },
  })
}
