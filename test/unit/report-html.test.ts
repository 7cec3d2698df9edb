import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { html, Markup } from '../../src/runtime/html/markup.ts'
import { reportPage } from '../../src/runtime/html/page.ts'
import { stepReport, wipeReport } from './helpers/report.ts'

const HOSTILE = `<script>alert(1)</script><img src=x onerror=alert(2)>"'&\u202e\x1b[2J]]><!--`

/** What would act, in a page that only has the elements that it means to have. */
const ACTING = /<script|<img|<iframe|<object|<!--|\son\w+=|javascript:|url\(|@import|https?:\/\//i

test('no text of a report becomes markup', () => {
  const page = reportPage(wipeReport(HOSTILE), [[HOSTILE, `x${HOSTILE}`]])
  assert.not.match(page.replaceAll(/&lt;.*?&gt;/gs, '').replaceAll(/&quot;.*?&#39;/g, ''), ACTING)
  assert.ok(page.split('&lt;script&gt;alert(1)&lt;/script&gt;').length > 30)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  assert.not.match(page, /[\x00-\x08\x0b-\x1f\u202e]/)
  assert.match(page, '\\u202e\\x1b[2J')
})

test('negative control: what was not escaped would be found', () => {
  for (const text of [HOSTILE, '<p onclick=x>', 'http://elsewhere/a.css', 'url(x)']) {
    assert.match(html`<p>${new Markup(text)}</p>`.text, ACTING)
  }
})

test('the template escapes text and attributes alike, and lists and nothing', () => {
  const list = ['<', '>', html`<b>${'&'}</b>`, null, undefined, 0]
  assert.is(html`<p title="${`"'`}">${list}</p>`.text, '<p title="&quot;&#39;">&lt;&gt;<b>&amp;</b>0</p>')
})

test('it asks for nothing and runs nothing', () => {
  const page = reportPage(wipeReport('x'), [undefined])
  assert.match(page, `content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;`)
  assert.not.match(page, ACTING)
  assert.equal(
    [...page.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, url]) => url),
    ['data:,'],
  )
})

test('each verdict has a word and a shape of its own', () => {
  const marks = (['passed', 'failed', 'unknown', null] as const).map((verdict) => {
    const page = reportPage(wipeReport('x', { verdict }), [undefined])
    const [, shape, word] =
      /<h1><span class="verdict \w+"><svg[^>]*>(.*?)<\/svg>(.*?)<\/span>/.exec(page) ?? []
    return { shape, word }
  })
  assert.equal(
    marks.map(({ word }) => word),
    ['PASSED', 'FAILED', 'UNKNOWN', 'Nothing was asked'],
  )
  assert.is(new Set(marks.map(({ shape }) => shape)).size, 4)
})

test('everything that was found stands in it', () => {
  const page = reportPage(wipeReport('x'), [undefined])
  for (const text of [
    '<strong>S-0</strong>',
    '1,000,204,886,016 bytes',
    '3 sectors differ x',
    'first line\nx\nlast line',
    '{&quot;list&quot;:[{&quot;deep&quot;:&quot;x&quot;}]}',
    '2026-01-02 03:04:05 UTC',
    '1h',
    'command line: <code>speediso.after=rebootx</code>',
    'SPEEDISO=wipe x',
    '***',
    'No evidence.',
  ]) {
    assert.ok(page.includes(text), text)
  }
})

test("a task's own description stands in place of its document", () => {
  const page = reportPage(wipeReport('x'), [['Disks  2', '  sda']])
  assert.match(page, '<pre class="result">Disks  2\n  sda</pre>')
  assert.not.match(page, '<summary>Result</summary>')
  assert.match(reportPage(wipeReport('x'), [undefined]), '<summary>Result</summary>')
})

test('a report of nothing', () => {
  const page = reportPage(wipeReport('x', { verdict: null, tasks: [], problems: [], origins: {} }), [])
  assert.match(page, 'Nothing was asked')
  assert.not.match(page, 'Problems')
})

test('steps without a device have no column for it', () => {
  const [task] = wipeReport('x').tasks
  if (task === undefined) throw new Error('no task')
  const page = (steps: typeof task.steps) =>
    reportPage(wipeReport('x', { tasks: [{ ...task, steps }] }), [undefined])
  assert.not.match(page([stepReport()]), '<th>Target</th>')
  assert.match(page(task.steps), '<th>Target</th>')
  assert.match(page([]), 'No step was run.')
})

test.run()
