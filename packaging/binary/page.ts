import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { BuildError } from '../lib/errors.ts'

/** The live log's page: one document that asks for nothing else, and the policy that it is served with. */
export interface Page {
  html: string
  /** Value of the header Content-Security-Policy. */
  csp: string
}

/** The oldest that have all that the page calls; Map.groupBy came last. */
const BROWSERS = ['chrome117', 'firefox119', 'safari17.4']

/**
 * Bundles script and style of the page into its document. The policy allows them by their hash, and nothing else: what
 * an event holds can neither run nor be loaded, and cannot even be made into HTML (Trusted Types).
 */
export async function buildPage(project: string): Promise<Page> {
  const source = join(project, 'src/live/page')
  const [template, script, style] = await Promise.all([
    readFile(join(source, 'index.html'), 'utf8'),
    bundleOf(join(source, 'main.ts')),
    bundleOf(join(source, 'style.css')),
  ])
  const html = put(put(template, 'style', style), 'script', script)
  const csp = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "connect-src 'self' ws: wss:",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
  return { html, csp }
}

/** Builds the page into a file that the program reads: its own asset, or from the sources this very file. */
export async function writePage(project: string, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, JSON.stringify(await buildPage(project)))
}

async function bundleOf(entry: string): Promise<string> {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    target: BROWSERS,
    format: 'iife',
    minify: true,
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    plugins: [unusedNodeModules],
    logLevel: 'warning',
  })
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs))
  const node = inputs.find((input) => input.startsWith(`${NODE}:`))
  if (node !== undefined) throw new BuildError(`${entry}: uses ${node}, which no browser has`)
  const text = outputFiles[0]?.text.trimEnd() ?? ''
  // In an inline script or style these change how the document is parsed.
  const bad = /<\/(script|style)|<!--/i.exec(text)
  if (bad !== null)
    throw new BuildError(`${entry}: its bundle holds ${bad[0]}, and cannot stand in a document`)
  return text
}

const NODE = 'node-module'

/** Lets the page take functions from files that use Node in others: those are left out of the bundle, and Node with them. */
const unusedNodeModules: Plugin = {
  name: 'unused-node-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: NODE, sideEffects: false }))
    onLoad({ filter: /./, namespace: NODE }, () => ({ contents: 'module.exports = {}' }))
  },
}

function put(template: string, what: 'script' | 'style', text: string): string {
  const parts = template.split(`/* ${what} */`)
  if (parts.length !== 2) throw new BuildError(`index.html: wants /* ${what} */ once`)
  return parts.join(text)
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
