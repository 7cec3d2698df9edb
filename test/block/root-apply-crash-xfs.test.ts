import { test } from 'uvu'
import { applyCrashTests } from './helpers/apply-crash-tests.ts'
import { XFS } from './helpers/write-log/record.ts'

applyCrashTests(XFS)

test.run()
