import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE = 8
/** Length and name before, checksum after a chunk's content. */
const FRAME = 12
/** Bytes of a pixel: 8 bit RGB, as browsers take pictures without transparency. */
const PIXEL = 3

/**
 * The same picture in a smaller file: pictures of text compress better as they are than by the filters that browsers
 * choose for photographs (PNG, third edition, 9 Filtering).
 */
export function shrinkPng(png: Buffer): Buffer {
  const chunks = chunksOf(png)
  const head = chunks.find(({ name }) => name === 'IHDR')?.content ?? Buffer.alloc(13)
  if (head[8] !== 8 || head[9] !== 2 || head[12] !== 0)
    throw new Error('wants a PNG of 8 bit RGB, not interlaced')
  const width = head.readUInt32BE(0) * PIXEL
  const filtered = inflateSync(
    Buffer.concat(chunks.filter(({ name }) => name === 'IDAT').map((c) => c.content)),
  )
  const plain = unfilter(filtered, width)
  return Buffer.concat([
    png.subarray(0, SIGNATURE),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(plain, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunksOf(png: Buffer): { name: string; content: Buffer }[] {
  const chunks: { name: string; content: Buffer }[] = []
  for (let at = SIGNATURE; at < png.length; ) {
    const length = png.readUInt32BE(at)
    chunks.push({
      name: png.toString('latin1', at + 4, at + 8),
      content: png.subarray(at + 8, at + 8 + length),
    })
    at += length + FRAME
  }
  return chunks
}

function chunk(name: string, content: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), content])
  const length = Buffer.alloc(4)
  const sum = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  sum.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, sum])
}

/** Rows of one filter byte (here always 0) and `width` bytes. */
function unfilter(rows: Buffer, width: number): Buffer {
  const plain = Buffer.alloc(rows.length)
  const row = width + 1
  for (let at = 0; at < rows.length; at += 1) {
    const column = at % row
    if (column === 0) continue
    const left = column > PIXEL ? (plain[at - PIXEL] ?? 0) : 0
    const up = plain[at - row] ?? 0
    const corner = column > PIXEL ? (plain[at - row - PIXEL] ?? 0) : 0
    const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][rows[at - column] ?? 0] ?? 0
    plain[at] = (rows[at] ?? 0) + guess
  }
  return plain
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}
