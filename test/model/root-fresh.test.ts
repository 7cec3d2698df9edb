import { test } from 'uvu'
import { DEEP, holds } from './root/check.ts'
import { fresh } from './root/hosts.ts'

test('two updates and a revert, the power going at any act of any of them', () => {
  holds('fresh host', fresh, ['next', 'panics', 'noinitSibling', 'sick'], DEEP)
})

test.run()
