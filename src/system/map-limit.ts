/** Like Promise.all over a map, with at most `limit` at work at a time. Results keep the order of the items. */
export async function mapLimit<T, U>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<U>,
): Promise<U[]> {
  const results = new Array<U>(items.length)
  const queue = items.entries()
  const worker = async () => {
    // One iterator is shared, so that each item is taken once.
    for (const [index, item] of queue) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  return results
}
