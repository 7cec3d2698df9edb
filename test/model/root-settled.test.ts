import { test } from 'uvu'
import { DEEP, holds } from './root/check.ts'
import { settled } from './root/hosts.ts'

test('two updates and a revert, the power going at any act of any of them', () => {
  holds('settled host', settled, ['next', 'panics', 'noinitSibling', 'sick'], DEEP)
})

test.run()
