// TypeScript has WebAssembly only among the types of browsers.
const { Memory } = (globalThis as unknown as { WebAssembly: WebAssemblyMemory }).WebAssembly

interface WebAssemblyMemory {
  Memory: new (options: { initial: number }) => { readonly buffer: ArrayBuffer }
}

/** A page of WebAssembly memory, in bytes. */
const PAGE = 65_536

/**
 * Buffers whose memory starts at a page, as O_DIRECT wants it. Node's own large buffers start 16 bytes past one, and a
 * write from there ends with EINVAL; WebAssembly memory is mapped from the kernel directly.
 */
export function alignedBuffers(count: number, bytes: number): Buffer[] {
  const each = Math.ceil(bytes / PAGE)
  const memory = new Memory({ initial: Math.max(1, count * each) })
  return Array.from({ length: count }, (_, i) => Buffer.from(memory.buffer, i * each * PAGE, bytes))
}
