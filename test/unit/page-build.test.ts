import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildPage, writePage } from '../../packaging/binary/page.ts'
import { BuildError } from '../../packaging/lib/errors.ts'
import { readPage } from '../../src/live/read-page.ts'
import { temporaryDir } from './helpers/temporary.ts'

const PROJECT = join(import.meta.dirname, '../..')
const { html, csp } = await buildPage(PROJECT)

const hashes = (directive: string) => new RegExp(`${directive} ('sha256-[^']+')`).exec(csp)?.[1]
const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
const inside = (tag: string) => new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(html)?.[1] ?? ''

/** A project whose page is this script. */
function projectOf(script: string): string {
  const dir = temporaryDir()
  const page = join(dir, 'src/live/page')
  mkdirSync(page, { recursive: true })
  for (const name of ['index.html', 'style.css'])
    cpSync(join(PROJECT, 'src/live/page', name), join(page, name))
  writeFileSync(join(page, 'main.ts'), script)
  return dir
}

test('the policy allows exactly the script and the style that are in the document', () => {
  assert.is(hashes('script-src'), hashOf(inside('script')))
  assert.is(hashes('style-src'), hashOf(inside('style')))
  assert.match(csp, /^default-src 'none'; /)
  assert.not.match(csp, 'unsafe')
})

test('the document names no other address', () => {
  const document = html.replace(inside('script'), '').replace(inside('style'), '')
  assert.not.match(document, /https?:|\bsrc=/)
  assert.not.match(inside('style'), /url\(|@import/)
  assert.equal(
    [...document.matchAll(/href="([^"]*)"/g)].map(([, to]) => to),
    ['data:,'],
  )
})

test('it is small, and no schema library is in it', () => {
  assert.ok(html.length < 80_000, `${html.length} characters`)
  assert.not.match(html, 'ZodError')
})

test('a script that would change how its document is read, or wants Node, is not built', async () => {
  const cases: [string, string][] = [
    ["document.title = '<!-- x'", '<!--'],
    ["import { styleText } from 'node:util'\ndocument.title = styleText('red', 'x')", 'node:util'],
  ]
  for (const [script, words] of cases) {
    const built = await buildPage(projectOf(script)).catch((error: unknown) => error)
    assert.instance(built, BuildError)
    assert.match((built as Error).message, words)
  }
  const { html: ending } = await buildPage(projectOf("document.title = '</script>'"))
  assert.is(ending.split('</script>').length, 2, 'written so that it does not end its element')
})

test('a script that only shares a file with what wants Node is built without it', async () => {
  const project = projectOf("import { plain } from './shared.ts'\nplain()")
  const shared =
    "import { styleText } from 'node:util'\nexport const red = (t: string) => styleText('red', t)\n"
  writeFileSync(
    join(project, 'src/live/page/shared.ts'),
    `${shared}export const plain = () => console.log('plain')\n`,
  )
  assert.not.match((await buildPage(project)).html, 'styleText')
})

test('the program reads what the build writes; there need be none', async () => {
  const dir = temporaryDir()
  const file = join(dir, 'deep/page.json')
  await writePage(PROJECT, file)
  assert.equal(await readPage(file), { html, csp })
  assert.is(await readPage(join(dir, 'none.json')), undefined)
  const broken = join(dir, 'broken.json')
  writeFileSync(broken, '{"html":1}')
  await readPage(broken).then(
    () => assert.unreachable('half a page is no page'),
    (error: Error) => assert.instance(error, Error),
  )
})

test.run()
