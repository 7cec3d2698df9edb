import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  decodeSanitize,
  parseReturnDescriptor,
  SANITIZE_DEVICE,
} from '../../src/system/drive/ata/registers.ts'

const SENT = 'outgoing cdb:  85 07 20 00 00 00 00 00 00 00 00 00 00 40 b4 00'
const read = (...lines: string[]) => parseReturnDescriptor(lines.join('\n'), SANITIZE_DEVICE)

test('registers of the last command of this code', () => {
  const trace = [
    'outgoing cdb:  85 08 0e 00 00 00 01 00 00 00 00 00 00 40 ec 00',
    'SG_IO: desc[]:  09 0c 01 00 ff 00 00 ff 00 ff 00 00 40 50',
    SENT,
    'SG_IO: ATA_16 status=0x2, host_status=0x0, driver_status=0x8',
    'SG_IO: desc[]:  09 0c 01 00 40 00 00 34 00 12 00 00 40 50',
  ]
  assert.equal(read(...trace), { status: 0x50, error: 0, count: 0x4000, lba: 0x1234 })
})

test('no descriptor, another one, an empty one, one that is cut, or none of this command', () => {
  const none = [
    'SG_IO: desc[]:  00 00',
    'SG_IO: desc[]:  00 0c 01 00 40 00 00 34 00 12 00 00 40 50',
    'SG_IO: desc[]:  09 0c 01 00 00 00 00 00 00 00 00 00 00 00',
    'SG_IO: desc[]:  09 0c 01 00 40 00 00 34 00 12 00 00 40',
    'SG_IO: bad host status: 0x3',
  ]
  for (const line of none) assert.is(read(SENT, line), undefined, line)
  const other = SENT.replace('b4 00', 'ec 00')
  assert.is(read(other, 'SG_IO: desc[]:  09 0c 01 00 40 00 00 34 00 12 00 00 40 50'), undefined)
  assert.is(read(''), undefined)
})

test('sanitize status: state and progress, or the reason of an error', () => {
  const at = (status: number, count: number, lba: number) => decodeSanitize({ status, error: 0, count, lba })
  assert.equal(at(0x50, 0, 0), { state: 'idle', progress: null, completed: false })
  assert.equal(at(0x50, 0x8000, 0), { state: 'idle', progress: null, completed: true })
  assert.equal(at(0x50, 0x2000, 0), { state: 'frozen', progress: null, completed: false })
  assert.equal(at(0x50, 0x4000, 0x8000), { state: 'running', progress: 0x8000, completed: false })
  assert.equal(at(0x51, 0x8000, 1), { state: 'failed', progress: null, completed: false })
  assert.is(at(0x51, 0, 3)?.state, 'frozen')
  assert.is(at(0x51, 0, 0), undefined)
  assert.is(at(0x51, 0x8000, 2), undefined)
})

test.run()
